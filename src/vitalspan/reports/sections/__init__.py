"""Internal: the sections that reports are made of."""
