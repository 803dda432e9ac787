"""Internal: reads rules from a YAML file, or from the same fields in Python."""
