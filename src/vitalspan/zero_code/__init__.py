"""Internal: instrumentation of programs without changes, by `vitalspan run` or a hook."""
