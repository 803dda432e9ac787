"""Internal: the `vitalspan` command."""
