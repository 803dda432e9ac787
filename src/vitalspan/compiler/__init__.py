"""Internal: compiles queries, conditions and scores to PromQL."""
