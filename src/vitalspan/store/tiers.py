"""Tiers: how finely the past is kept by its age, and which of them answer a question."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from vitalspan.errors import ConfigurationError
from vitalspan.units import duration_text, parse_duration

DEFAULT_TIERS: Final = "5s:2h,1m:48h,1h:30d"

_WIDEST: Final = 12
"""The number of frames that may become one of the next tier; above it, there is one in between."""

_MOST_POINTS: Final = 144
"""Frames of the coarsest tier; where there are more, another tier is added above it."""

_ABOVE: Final = 6


class Tier(NamedTuple):
    """Frames of one length.

    Attributes:
        step: their length in seconds.
        age: the seconds after which they are forgotten.
    """

    step: int
    age: int


class Part(NamedTuple):
    """Frames of one tier, from a time up to another, in seconds since the Unix epoch."""

    step: int
    start: int
    end: int


def parse_tiers(text: str) -> tuple[Tier, ...]:
    """Return the tiers that a setting names, and those between them, the finest first.

    Tiers in between make questions about long periods cheap: an hour of minutes is six frames of
    ten minutes rather than sixty.

    Args:
        text: such as `5s:2h,1m:48h,1h:30d`: lengths, and how long frames of that length are kept.

    Raises:
        ConfigurationError: for a text that names no tiers.
    """
    named = sorted(_tier(part) for part in text.split(",") if part.strip())
    if not named:
        raise ConfigurationError(f"store_tiers={text!r:.80}: use {DEFAULT_TIERS!r}, for example")
    for finer, coarser in pairwise(named):
        if coarser.step == finer.step or coarser.step % finer.step:
            raise ConfigurationError(
                f"store_tiers={text!r:.80}: {duration_text(coarser.step)} is no multiple of "
                f"{duration_text(finer.step)}"
            )
        if coarser.age <= finer.age:
            raise ConfigurationError(
                f"store_tiers={text!r:.80}: keep {duration_text(coarser.step)} for longer than "
                f"{duration_text(finer.step)}"
            )
    tiers: list[Tier] = []
    for place, finer in enumerate(named):
        tiers.append(finer)
        factor = _factor_between(finer, named[place + 1] if place + 1 < len(named) else None)
        if factor is not None:
            tiers.append(Tier(finer.step * factor, finer.age))
    return tuple(tiers)


def parts_of(
    tiers: Sequence[Tier], rolled: Sequence[int], start: float, end: float, now: float
) -> list[Part]:
    """Return which frames make up a period: coarse ones inside, and finer ones at its ends.

    The period begins at the frame in which it starts, among the finest of that age, and ends in the
    same way; it has one frame at least.

    Args:
        tiers: the finest first.
        rolled: for each tier the time up to which its frames have been made.
        start: in seconds since the Unix epoch.
        end: the same.
        now: the same.
    """
    start_step = _finest_at(tiers, now - start)
    end_step = _finest_at(tiers, now - end)
    first = math.floor(start / start_step) * start_step
    if end_step == tiers[0].step:
        last = math.ceil(end / end_step) * end_step
    else:
        last = max(math.floor(end / end_step), first // end_step + 1) * end_step
    parts: list[Part] = []
    _cover(parts, tiers, rolled, first, last)
    return sorted(parts, key=lambda part: part.start)


def _finest_at(tiers: Sequence[Tier], age: float) -> int:
    """Return the length of the finest frames that are kept of so many seconds ago."""
    return next((tier.step for tier in tiers if age <= tier.age - tier.step), tiers[-1].step)


def _cover(
    parts: list[Part], tiers: Sequence[Tier], rolled: Sequence[int], start: int, end: int
) -> None:
    if start >= end:
        return
    *finer, coarsest = tiers
    if not finer:
        parts.append(Part(coarsest.step, start, end))
        return
    step = coarsest.step
    inner_start = -(-start // step) * step
    inner_end = min(end, rolled[len(finer)]) // step * step
    if inner_start >= inner_end:
        _cover(parts, finer, rolled, start, end)
        return
    parts.append(Part(step, inner_start, inner_end))
    _cover(parts, finer, rolled, start, inner_start)
    _cover(parts, finer, rolled, inner_end, end)


def steps(tiers: Iterable[Tier]) -> list[int]:
    """Return the length of the frames of each tier in seconds."""
    return [tier.step for tier in tiers]


def _tier(text: str) -> Tier:
    step_text, colon, age_text = text.partition(":")
    try:
        step, age = parse_duration(step_text), parse_duration(age_text)
    except ValueError:
        colon, step, age = "", 0.0, 0.0
    if not colon or step != int(step) or step < 1 or age != int(age) or age < 2 * step:
        raise ConfigurationError(
            f"store_tiers: {text.strip()!r:.80} is no tier: give a length in whole seconds and "
            "how long such frames are kept, '1m:48h' say"
        )
    return Tier(int(step), int(age))


def _factor_between(finer: Tier, coarser: Tier | None) -> int | None:
    """Return how many frames one of a tier in between is made of; None where there is none."""
    if coarser is None:
        return _ABOVE if finer.age / finer.step > _MOST_POINTS else None
    ratio = coarser.step // finer.step
    divisors = [factor for factor in range(2, ratio) if ratio % factor == 0]
    if ratio <= _WIDEST or not divisors:
        return None
    middle = math.log(ratio) / 2
    return min(divisors, key=lambda factor: (abs(math.log(factor) - middle), -factor))
