"""Each module is one process: it measures and prints JSON."""
