"""Internal: reads the history in a Prometheus, Thanos or Mimir with its HTTP API."""
