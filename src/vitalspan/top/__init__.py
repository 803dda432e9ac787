"""Internal: the data and the output of `vitalspan top` and `vitalspan health`."""
