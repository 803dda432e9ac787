"""Internal: PromQL as a language: matchers, selections and expressions."""
