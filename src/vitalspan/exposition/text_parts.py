"""The parts of samples in the text formats: numbers, boundaries, labels, exemplars."""

from __future__ import annotations

from functools import lru_cache

from vitalspan.exposition.native_histogram import NativeHistogram
from vitalspan.exposition.points import BucketBoundaries, Exemplar
from vitalspan.labels import label_text


def number(value: float) -> str:
    """Return a number in the syntax of the formats."""
    # Only for finite numbers, the difference from themselves is 0.
    if type(value) is float and value - value == 0:
        return repr(value)
    if type(value) is int:
        return str(value)
    # The text of other types of numbers, such as NumPy's, may not be digits.
    value = float(value)
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if value != value else repr(value)  # noqa: PLR0124 - only NaN differs from itself


@lru_cache(maxsize=64)
def boundary_texts(grid: BucketBoundaries) -> tuple[str, ...]:
    """Return the upper bounds of buckets as values of `le` labels, `+Inf` last."""
    return tuple(number(float(bound)) for bound in (*grid.boundaries, float("inf")))


def native_text(native: NativeHistogram) -> str:
    """Return a native histogram as a sample value in OpenMetrics 2.0.0."""
    total = float("nan") if native.total is None else native.total
    parts = [
        f"count:{number(native.count)}",
        f"sum:{number(total)}",
        f"schema:{native.schema}",
        f"zero_threshold:{number(native.zero_threshold)}",
        f"zero_count:{number(native.zero_count)}",
    ]
    for sign, buckets in (("negative", native.negative), ("positive", native.positive)):
        if buckets.spans:
            spans = ",".join(f"{offset}:{length}" for offset, length in buckets.spans)
            deltas = ",".join(map(number, buckets.deltas))
            parts += (f"{sign}_spans:[{spans}]", f"{sign}_deltas:[{deltas}]")
    return f"{{{','.join(parts)}}}"


def braces(*labels: str) -> str:
    """Return labels in braces as they follow a name; empty if there are none."""
    text = ",".join(filter(None, labels))
    return f"{{{text}}}" if text else ""


def exemplar_text(exemplar: Exemplar) -> str:
    """Return an exemplar as it follows the value of a sample."""
    labels = label_text(tuple(sorted(exemplar.labels.items())))
    time = "" if exemplar.timestamp is None else f" {exemplar.timestamp:.3f}"
    return f" # {{{labels}}} {number(exemplar.value)}{time}"
