"""A small shop under its own load, to see what the library records."""
