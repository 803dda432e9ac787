"""Internal: everything that runs in the caller's thread: operations, series, spans, resources."""
