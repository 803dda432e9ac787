"""Internal: thresholds, SLOs and trends, and the alerts that they raise."""
