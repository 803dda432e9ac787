"""Internal: dashboards for Grafana."""
