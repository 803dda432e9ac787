"""Internal: named stretches of work with statistics of their own: `monitor.sessions`."""
