"""Internal: scenarios, which test rules on made-up traffic without waiting for time to pass."""
