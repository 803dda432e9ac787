"""Internal: the samples that PromQL expressions ask for, kept from tick to tick."""
