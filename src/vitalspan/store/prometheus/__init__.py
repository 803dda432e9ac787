"""Internal: the history that a Prometheus, Thanos or Mimir has, read by its HTTP API."""
