"""Internal: test cases for `promtool test rules`."""
