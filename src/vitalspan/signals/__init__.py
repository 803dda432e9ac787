"""Internal: signals, quantities over a window that are each defined in one place."""
