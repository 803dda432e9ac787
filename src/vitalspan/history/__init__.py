"""Folded counts over time: what a window can look back on."""
