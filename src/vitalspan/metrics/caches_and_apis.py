"""The metrics of caches, APIs and models."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import counter, histogram

CACHE_REQUESTS: Final = counter(
    "cache_requests_total", "Lookups in a cache, by result: hit or miss."
)
API_CALLS: Final = counter("api_calls_total", "Calls to an API, by outcome.")
API_TOKENS: Final = counter("api_tokens_total", "Tokens used by calls to an API.")
API_COST: Final = counter("api_cost_dollars_total", "Cost of calls to an API in US dollars.")
API_MODEL_CALLS: Final = counter("api_model_calls_total", "Calls to an API, by model and outcome.")
TOKEN_TYPES: Final = ("input", "output", "cached", "reasoning")
"""The values of the label token_type: cached tokens are also input, reasoning ones output."""

API_MODEL_TOKENS: Final = counter(
    "api_model_tokens_total",
    "Tokens by model and type; cached tokens also count as input, reasoning tokens as output.",
)
API_MODEL_COST: Final = counter(
    "api_model_cost_dollars_total", "Cost of calls to an API in US dollars, by model."
)
API_RETRIES: Final = counter("api_retries_total", "Retries of calls to an API, by model.")
API_DURATION: Final = histogram("api_duration_seconds", "Duration of calls to an API, by model.")
API_FIRST_TOKEN: Final = histogram(
    "api_time_to_first_token_seconds", "Time until the first token of a response, by model."
)
GEN_AI_TOKENS: Final = histogram(
    "gen_ai_client_token_usage", "Number of input and output tokens used."
)
GEN_AI_DURATION: Final = histogram(
    "gen_ai_client_operation_duration_seconds", "GenAI operation duration."
)
GEN_AI_FIRST_CHUNK: Final = histogram(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "Time to receive the first chunk of a response.",
)
GEN_AI_FAMILIES: Final = (GEN_AI_TOKENS, GEN_AI_DURATION, GEN_AI_FIRST_CHUNK)
"""The metrics of calls to models, with the names in OpenTelemetry's conventions."""

MODEL_FAMILIES: Final = (
    API_MODEL_CALLS,
    API_MODEL_TOKENS,
    API_MODEL_COST,
    API_RETRIES,
    API_DURATION,
    API_FIRST_TOKEN,
)
"""The metrics of calls to models."""
