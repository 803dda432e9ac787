"""Instrumentation scopes, which are labels of every sample in Prometheus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vitalspan.bridge.otlp.model import OWN_SCOPE, Attributes, Scope

PREFIX: Final = "otel_scope_"
_NAME, _VERSION, _SCHEMA_URL = (f"{PREFIX}{part}" for part in ("name", "version", "schema_url"))


def split_labels(labels: Mapping[str, object], left_out: str = "") -> tuple[Scope, Attributes]:
    """Return the scope in some labels, and the other labels as attributes.

    Args:
        labels: the labels of a sample.
        left_out: a label to ignore, such as `le`.
    """
    own, of_scope = [], {}
    for name, value in labels.items():
        if name.startswith(PREFIX):
            of_scope[name] = str(value)
        elif name != left_out:
            own.append((name, str(value)))
    own.sort()
    if not of_scope:
        return OWN_SCOPE, tuple(own)
    scope = Scope(
        of_scope.pop(_NAME, ""),
        of_scope.pop(_VERSION, ""),
        of_scope.pop(_SCHEMA_URL, ""),
        tuple(sorted((name.removeprefix(PREFIX), value) for name, value in of_scope.items())),
    )
    return scope, tuple(own)
