"""Benchmark cases: each module is one process, which measures and prints JSON."""
