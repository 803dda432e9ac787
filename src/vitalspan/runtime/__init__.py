"""Internal: threads, locks, forks and internal errors, which all other packages use."""
