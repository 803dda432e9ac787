"""Internal: history that outlives the process, in a database that a URL names."""
