"""Internal: threads, locks, forks and internal errors, which every other package relies on."""
