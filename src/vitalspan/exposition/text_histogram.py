"""Classic histograms in the text formats."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from vitalspan.exposition.points import BucketBoundaries, Exemplar, HistogramPoint
from vitalspan.exposition.text_parts import boundary_texts, exemplar_text, number

_PREFIX: Final = "\0"
"""A placeholder in templates for the common beginning of a histogram's bucket lines."""


def histogram_texts(
    name: str, points: Iterable[HistogramPoint], suffixes: tuple[str, str] | None
) -> Iterator[str]:
    """Yield the lines of each histogram.

    Args:
        name: the name of the family.
        points: the histograms.
        suffixes: the name suffixes of the count and the sum; None leaves both out.
    """
    bucket = f"{name}_bucket{{"
    of_count, of_sum = (name + suffix for suffix in suffixes or ("", ""))
    for point in points:
        labels, histogram = point.text, point.histogram
        prefix, own_labels = (f"{bucket}{labels},", f"{{{labels}}}") if labels else (bucket, "")
        counts, total = histogram.cumulative(), histogram.total
        # The prefix is inserted last, because it may contain a percent sign.
        buckets = (_template(histogram.grid) % counts).replace(_PREFIX, prefix)
        if suffixes is None:
            yield buckets
        elif total is None:
            yield f"{buckets}{of_count}{own_labels} {counts[-1]}\n"
        else:
            sum_line = f"{of_sum}{own_labels} {number(total)}\n"
            yield f"{buckets}{of_count}{own_labels} {counts[-1]}\n{sum_line}"


def with_details(text: str, exemplars: Mapping[int, Exemplar], time: str) -> str:
    """Return the lines of a histogram with exemplars and a timestamp.

    Args:
        text: the lines.
        exemplars: the exemplars by the index of their bucket.
        time: the timestamp as it follows a value.
    """
    lines = [f"{line}{time}" if line else "" for line in text.split("\n")]
    for bucket, exemplar in exemplars.items():
        lines[bucket] += exemplar_text(exemplar)
    return "\n".join(lines)


@lru_cache(maxsize=64)
def _template(grid: BucketBoundaries) -> str:
    return "".join(f'{_PREFIX}le="{bound}"}} %s\n' for bound in boundary_texts(grid))
