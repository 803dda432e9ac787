"""Internal: the sections of reports."""
