"""Internal: plans, which decide what to send to a receiver and when."""
