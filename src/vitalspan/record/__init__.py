"""What runs inside the caller's thread: operations, cells, spans, resources."""
