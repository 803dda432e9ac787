"""A monitor's samples as text, written from prefixes that were made when the series were."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate

from vitalspan.bridge.state import Block, State
from vitalspan.names import DURATION_BOUNDARIES, Family
from vitalspan.record.cell import Cell

_LABELS = "\0"


def number(value: float) -> str:
    """Return a number as the formats write it."""
    if type(value) is int:
        return str(value)
    # Other kinds of numbers, NumPy's for example, do not write themselves as digits.
    value = float(value)
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if value != value else repr(value)  # noqa: PLR0124 - only NaN differs from itself


def render(state: State, *, openmetrics: bool) -> str:
    """Return every family of a monitor, without the closing line of OpenMetrics."""
    return "".join(
        part for block in state.blocks() for part in _block(block, state, openmetrics=openmetrics)
    )


def boundary_text(bound: float) -> str:
    """Return a bucket's upper bound as its `le` label says it."""
    return number(float(bound))


def _block(block: Block, state: State, *, openmetrics: bool) -> Iterator[str]:
    family = block.family
    yield _head(family, openmetrics=openmetrics)
    if block.cells is not None and block.values is not None:
        name = family.name
        yield "".join(
            [
                f"{name}{{{cell.text}}} {value!r}\n"
                for cell, value in zip(block.cells, block.values, strict=True)
            ]
        )
        return
    if block.cells is not None:
        yield from _histograms(family.name, block.cells, state, openmetrics=openmetrics)
        return
    for sample in block.samples:
        labels = sample.label_text()
        braced = f"{{{labels}}}" if labels else ""
        yield f"{family.name}{sample.suffix}{braced} {number(sample.value)}\n"


def _histograms(name: str, cells: list[Cell], state: State, *, openmetrics: bool) -> Iterator[str]:
    template = _template(name)
    epoch = state.recorder.epoch()
    for cell in cells:
        text = _histogram(template, cell)
        yield _with_exemplars(text, cell, epoch) if openmetrics and cell.exemplars else text


def _head(family: Family, *, openmetrics: bool) -> str:
    name = family.name
    if openmetrics and family.type == "counter":
        name = name.removesuffix("_total")
    # The classic format knows no sets of states; prometheus_client writes them the same way.
    kind = "gauge" if family.type == "stateset" and not openmetrics else family.type
    unit = f"# UNIT {name} {family.unit}\n" if openmetrics and family.unit else ""
    return f"# HELP {name} {family.help}\n# TYPE {name} {kind}\n{unit}"


@lru_cache(maxsize=16)
def _template(name: str) -> str:
    bounds = [boundary_text(bound) for bound in (*DURATION_BOUNDARIES, float("inf"))]
    buckets = "".join(f'{name}_bucket{{{_LABELS},le="{bound}"}} %d\n' for bound in bounds)
    return f"{buckets}{name}_count{{{_LABELS}}} %d\n{name}_sum{{{_LABELS}}} %r\n"


def _histogram(template: str, cell: Cell) -> str:
    counts = tuple(accumulate(cell.exported))
    labels = cell.text.replace("%", "%%") if "%" in cell.text else cell.text
    return template.replace(_LABELS, labels) % (*counts, counts[-1], cell.total)


def _with_exemplars(text: str, cell: Cell, epoch: float) -> str:
    # `splitlines` would split at more than newlines, which label values may contain.
    lines = text.split("\n")
    for bucket, (span, seconds, end) in list(cell.exemplars.items()):
        labels = f'{{span_id="{span.span_id:016x}",trace_id="{span.trace_id:032x}"}}'
        lines[bucket] += f" # {labels} {seconds!r} {end + epoch:.3f}"
    return "\n".join(lines)
