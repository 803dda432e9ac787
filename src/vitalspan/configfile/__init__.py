"""Internal: reads YAML files strictly, and reports every mistake with its line and column."""
