"""Internal: writes files for Prometheus, Alertmanager, Grafana and promtool."""
