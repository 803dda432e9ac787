"""Internal: a small shop under its own load, which shows what the library records."""
