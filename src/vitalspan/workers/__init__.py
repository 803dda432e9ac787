"""Internal: the processes of one service, which publish their counts and show the sums."""
