"""Internal: the live page of one service, and its JSON API."""
