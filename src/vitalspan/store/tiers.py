"""Tiers: how finely the past is kept by its age, and which tiers answer a query."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from vitalspan.errors import ConfigurationError
from vitalspan.units import duration_text, parse_duration

DEFAULT_TIERS: Final = "5s:2h,1m:48h,1h:30d"

_WIDEST: Final = 12
"""The maximum number of frames per frame of the next tier; above it, a tier is inserted."""

_MOST_POINTS: Final = 144
"""The maximum number of frames in the coarsest tier; above it, another tier is added."""

_ABOVE: Final = 6


class Tier(NamedTuple):
    """A tier: frames of one length.

    Attributes:
        step: their length in seconds.
        age: the seconds after which they are deleted.
    """

    step: int
    age: int


class Part(NamedTuple):
    """Frames of one tier in a period, in seconds since the Unix epoch."""

    step: int
    start: int
    end: int


def parse_tiers(text: str) -> tuple[Tier, ...]:
    """Return the tiers of a setting, with those inserted between them, the finest first.

    Tiers in between make queries about long periods cheap: an hour of minutes is six frames of ten
    minutes rather than sixty.

    Args:
        text: lengths and how long their frames are kept, such as `5s:2h,1m:48h,1h:30d`.

    Raises:
        ConfigurationError: for an invalid text.
    """
    named = sorted(_tier(part) for part in text.split(",") if part.strip())
    if not named:
        raise ConfigurationError(f"store_tiers={text!r:.80}: use {DEFAULT_TIERS!r}, for example")
    for finer, coarser in pairwise(named):
        if coarser.step == finer.step or coarser.step % finer.step:
            raise ConfigurationError(
                f"store_tiers={text!r:.80}: {duration_text(coarser.step)} is not a multiple of "
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
    """Return the frames that make up a period: coarse ones inside, and finer ones at both ends.

    The period begins with the frame that contains its start, among the finest of that age, and ends
    in the same way; it has at least one frame.

    Args:
        tiers: the tiers, the finest first.
        rolled: for each tier, the time up to which its frames have been made.
        start: the start in seconds since the Unix epoch.
        end: the end in seconds since the Unix epoch.
        now: the current time in seconds since the Unix epoch.
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
    """Return the length of the finest frames that are kept for this age in seconds."""
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
    """Return the frame length of each tier in seconds."""
    return [tier.step for tier in tiers]


def _tier(text: str) -> Tier:
    step_text, colon, age_text = text.partition(":")
    try:
        step, age = parse_duration(step_text), parse_duration(age_text)
    except ValueError:
        colon, step, age = "", 0.0, 0.0
    if not colon or step != int(step) or step < 1 or age != int(age) or age < 2 * step:
        raise ConfigurationError(
            f"store_tiers: {text.strip()!r:.80} is not a tier: give a length in whole seconds and "
            "how long such frames are kept, for example '1m:48h'"
        )
    return Tier(int(step), int(age))


def _factor_between(finer: Tier, coarser: Tier | None) -> int | None:
    """Return how many frames to combine for a tier in between; None if there is none."""
    if coarser is None:
        return _ABOVE if finer.age / finer.step > _MOST_POINTS else None
    ratio = coarser.step // finer.step
    divisors = [factor for factor in range(2, ratio) if ratio % factor == 0]
    if ratio <= _WIDEST or not divisors:
        return None
    middle = math.log(ratio) / 2
    return min(divisors, key=lambda factor: (abs(math.log(factor) - middle), -factor))
