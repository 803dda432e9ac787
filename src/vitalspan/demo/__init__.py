"""Internal: a small shop with its own load, which shows what the library records."""
