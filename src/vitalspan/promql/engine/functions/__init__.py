"""Internal: the functions of PromQL, by what they are applied to."""
