"""Internal: figures about calls, for whoever asks a monitor: `monitor.statistics`."""
