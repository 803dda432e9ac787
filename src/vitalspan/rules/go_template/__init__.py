"""Internal: Go's text templates with Prometheus' functions, for annotations and labels of rules."""
