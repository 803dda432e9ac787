"""Internal: instrumentation of programs that are not changed, by `vitalspan run` or a hook."""
