"""Internal: thresholds, SLOs and trends, and their alerts."""
