"""Internal: signals, which are quantities over a window, each defined in one place."""
