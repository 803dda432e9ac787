"""Internal: the functions of PromQL, by the type of their arguments."""
