"""What to do about health: what costs points or time, where, and what it would bring to mend it."""
