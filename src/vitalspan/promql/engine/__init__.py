"""Internal: evaluates PromQL expressions over the series of any source.

`query.compile_query` parses a text once and compiles it to a plan, which is evaluated as often as
needed. The semantics are those of Prometheus 3: left-open ranges, stale markers, a lookback of five
minutes, and the rules of matching, aggregation and extrapolation.
"""
