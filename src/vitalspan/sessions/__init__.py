"""Internal: named stretches of work with their own statistics: `monitor.sessions`."""
