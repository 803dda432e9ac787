"""Internal: recommendations: what costs health or time, where, and what a fix would gain."""
