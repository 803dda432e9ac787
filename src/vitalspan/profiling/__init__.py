"""Internal: profiles of slow calls, taken while they are slow, and their formats."""
