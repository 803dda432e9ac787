"""Internal: history that outlives the process, in a database given by a URL."""
