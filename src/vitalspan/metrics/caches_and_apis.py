"""The metrics of caches, APIs and models."""

from __future__ import annotations

from typing import Final

from vitalspan.metrics.family import Family

CACHE_REQUESTS: Final = Family(
    "cache_requests_total", "counter", "Look-ups in a cache, by result (hit or miss)."
)
API_CALLS: Final = Family("api_calls_total", "counter", "Calls to an API, by outcome.")
API_TOKENS: Final = Family("api_tokens_total", "counter", "Tokens that calls to an API used.")
API_COST: Final = Family(
    "api_cost_dollars_total", "counter", "Cost of calls to an API in US dollars."
)
API_MODEL_CALLS: Final = Family(
    "api_model_calls_total", "counter", "Calls to an API, by model and outcome."
)
TOKEN_TYPES: Final = ("input", "output", "cached", "reasoning")
"""Values of the label token_type: cached tokens are input, and reasoning tokens output as well."""

API_MODEL_TOKENS: Final = Family(
    "api_model_tokens_total",
    "counter",
    "Tokens by model and type; cached ones are input, and reasoning ones output as well.",
)
API_MODEL_COST: Final = Family(
    "api_model_cost_dollars_total", "counter", "Cost of calls to an API in US dollars, by model."
)
API_RETRIES: Final = Family(
    "api_retries_total", "counter", "Attempts beyond the first one of calls to an API, by model."
)
API_DURATION: Final = Family(
    "api_duration_seconds", "histogram", "Duration of calls to an API, by model.", "seconds"
)
API_FIRST_TOKEN: Final = Family(
    "api_time_to_first_token_seconds",
    "histogram",
    "Time until the first token of an answer came, by model.",
    "seconds",
)
GEN_AI_TOKENS: Final = Family(
    "gen_ai_client_token_usage", "histogram", "Number of input and output tokens used."
)
GEN_AI_DURATION: Final = Family(
    "gen_ai_client_operation_duration_seconds", "histogram", "GenAI operation duration.", "seconds"
)
GEN_AI_FIRST_CHUNK: Final = Family(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "histogram",
    "Time to receive the first chunk of a response.",
    "seconds",
)
GEN_AI_FAMILIES: Final = (GEN_AI_TOKENS, GEN_AI_DURATION, GEN_AI_FIRST_CHUNK)
"""The metrics of calls to models by the names of OpenTelemetry's conventions."""

MODEL_FAMILIES: Final = (
    API_MODEL_CALLS,
    API_MODEL_TOKENS,
    API_MODEL_COST,
    API_RETRIES,
    API_DURATION,
    API_FIRST_TOKEN,
)
"""The metrics of calls to models."""
