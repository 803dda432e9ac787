"""Rules tried out on made-up traffic, without waiting for time to pass."""
