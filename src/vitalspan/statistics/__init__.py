"""Internal: statistics of calls: `monitor.statistics`."""
