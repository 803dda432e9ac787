"""Internal: the live page of one service, and the JSON API that it is made from."""
