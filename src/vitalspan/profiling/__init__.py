"""Internal: profiles of slow calls, which are taken while they are slow, and their formats."""
