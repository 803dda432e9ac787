"""The `vitalspan` command."""
