"""Internal: scenarios, which test rules with simulated traffic without waiting."""
