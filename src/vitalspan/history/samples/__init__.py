"""Internal: the samples that PromQL expressions need, kept from tick to tick."""
