"""Tiers, and which of them answer a question."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.errors import ConfigurationError
from vitalspan.store.tiers import DEFAULT_TIERS, Tier, parse_tiers, parts_of

TIERS = parse_tiers(DEFAULT_TIERS)
NOW = 1_700_003_017.0
ROLLED = [int(NOW) // tier.step * tier.step for tier in TIERS]


def test_the_default_has_what_it_names_and_tiers_between():
    named = {Tier(5, 7200), Tier(60, 172_800), Tier(3600, 2_592_000)}
    assert named < set(TIERS)
    assert [tier.step for tier in TIERS] == [5, 60, 360, 3600, 21_600]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "for example"),
        ("5s", "not a tier"),
        ("5s:forever", "not a tier"),
        ("0.5s:1h", "whole seconds"),
        ("1m:1m", "not a tier"),
        ("7s:1h,1m:2h", "not a multiple"),
        ("5s:2h,1m:1h", "for longer than"),
        ("5s:2h,5s:3h", "not a multiple"),
    ],
)
def test_what_is_no_tier_is_refused(text, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        parse_tiers(text)


@given(st.floats(0, 2_500_000), st.floats(1, 2_500_000))
def test_parts_cover_a_period_once(age, length):
    start = NOW - age
    end = min(NOW, start + length)
    parts = parts_of(TIERS, ROLLED, start, end, NOW)
    assert all(part.end == following.start for part, following in pairwise(parts))
    assert all(part.start % part.step == part.end % part.step == 0 for part in parts)
    if parts:
        finest = next(tier for tier in TIERS if age <= tier.age - tier.step or tier is TIERS[-1])
        assert start - finest.step < parts[0].start <= start
        assert abs(parts[-1].end - end) <= finest.step
        assert all(part.end <= NOW for part in parts if part.step > TIERS[0].step)


def test_coarse_frames_are_inside_and_finer_ones_at_the_ends():
    parts = parts_of(TIERS, ROLLED, NOW - 86_400, NOW, NOW)
    steps = [part.step for part in parts]
    middle = steps.index(max(steps))
    assert steps[: middle + 1] == sorted(steps[: middle + 1])
    assert steps[middle:] == sorted(steps[middle:], reverse=True)
    assert sum((part.end - part.start) // part.step for part in parts) < 60


def test_nothing_is_asked_of_frames_that_are_not_there_yet():
    behind = [0, *(rolled - 7200 for rolled in ROLLED[1:])]
    parts = parts_of(TIERS, behind, NOW - 86_400, NOW, NOW)
    assert parts[-1].step == 5
    for part in parts[:-1]:
        place = [tier.step for tier in TIERS].index(part.step)
        assert place == 0 or part.end <= behind[place]
