"""Internal: the health score of the service and of its components, with its reasons."""
