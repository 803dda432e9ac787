"""Internal: evaluates PromQL expressions over the series of any source.

`query.compile_query` parses a text once and makes a plan of it; the plan is evaluated as often as
wanted. The semantics are those of Prometheus 3: left-open ranges, stale markers, a lookback of
five minutes, and the rules of matching, aggregation and extrapolation.
"""
