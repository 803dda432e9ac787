"""Internal: rows of panels that several dashboards share."""
