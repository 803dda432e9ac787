"""Internal: the receivers of alerts, one file each."""
