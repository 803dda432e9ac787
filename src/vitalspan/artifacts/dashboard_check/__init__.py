"""Internal: runs the queries of dashboards on a Prometheus, and says why some return nothing."""
