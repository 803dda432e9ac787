"""Files for Prometheus and its companions, written from the same definitions."""
