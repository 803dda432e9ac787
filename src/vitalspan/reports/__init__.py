"""Internal: dashboards and reports on a period: `monitor.dashboard` and `monitor.report`."""
