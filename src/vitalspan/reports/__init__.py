"""Internal: what a monitor says about a period: `monitor.dashboard` and `monitor.report`."""
