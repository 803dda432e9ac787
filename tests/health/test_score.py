"""From readings to a score, by hypothesis: bounded, monotonic, its losses add up, never a guess."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vitalspan.errors import ConfigurationError
from vitalspan.health.factor_models import (
    CLASSIC,
    PIPELINE,
    factors_of,
    model_name,
    slo_factors,
)
from vitalspan.health.score import (
    CRITICAL_COMPONENT,
    Score,
    capped,
    factor_score,
    ramp,
    score_of,
    weighted_mean,
)
from vitalspan.rules.model import Slo
from vitalspan.rules.scoring import Factor, Scoring
from vitalspan.signals.query import Query
from vitalspan.signals.signal import NO_DATA, Reading

HUGE = 1.7e308

QUERY = Query("error_ratio")

finite = st.floats(-HUGE, HUGE)
weights = st.floats(0, 1e6, allow_subnormal=False) | st.sampled_from([0.0, 1e-300, 30.0])


@st.composite
def factors(draw: st.DrawFn, name: str = "f", *, deduct: bool | None = None) -> Factor:
    full, zero = draw(finite), draw(finite)
    if draw(st.booleans()):
        # The steepest ramp there is.
        zero = math.nextafter(full, -math.inf)
    assume(full != zero)
    takes_off = draw(st.booleans()) if deduct is None else deduct
    weight = draw(st.floats(0, 100) if takes_off else weights)
    min_count = draw(st.integers(0, 30))
    return Factor(name, Query("rate"), full, zero, weight, min_count, takes_off)


readings = st.builds(
    Reading,
    st.none() | finite | st.sampled_from([math.nan, math.inf, -math.inf]),
    st.integers(0, 40),
)


@st.composite
def models(draw: st.DrawFn) -> list[tuple[Factor, Reading]]:
    """Factors, each with a reading near its ramp or anywhere."""
    found = []
    for index in range(draw(st.integers(0, 6))):
        factor = draw(factors(f"f{index}"))
        between = st.floats(min(factor.full, factor.zero), max(factor.full, factor.zero))
        near = st.builds(Reading, between, st.just(30))
        found.append((factor, draw(readings | near)))
    return found


def scored(model: list[tuple[Factor, Reading]]) -> Score:
    return score_of([factor for factor, _ in model], [reading for _, reading in model])


def is_known(factor: Factor, reading: Reading) -> bool:
    value, samples = reading
    return value is not None and math.isfinite(value) and samples >= factor.min_count


@given(models())
def test_a_score_is_from_0_to_100_and_absent_only_without_factors(
    model: list[tuple[Factor, Reading]],
) -> None:
    score = scored(model).value
    counted = [one for one in model if is_known(*one) and not one[0].deduct and one[0].weight > 0]
    assert (score is not None) == bool(counted)
    assert score is None or 0.0 <= score <= 100.0


@given(models())
def test_what_is_lost_is_what_the_score_lacks_of_100(model: list[tuple[Factor, Reading]]) -> None:
    found = scored(model)
    assert len(found.parts) == len(model)
    lost = math.fsum(part.lost for part in found.parts)
    if found.value is None:
        assert lost == 0
        assert all(part.weight == 0 for part in found.parts)
    else:
        assert lost == pytest.approx(100 - found.value, abs=1e-9)
        assert all(part.lost >= 0 for part in found.parts)
        assert all(part.lost == part.weight == 0 for part in found.parts if part.score is None)


@given(models())
def test_weights_of_what_is_known_are_100_together_in_their_proportion(
    model: list[tuple[Factor, Reading]],
) -> None:
    found = scored(model)
    assume(found.value is not None)
    counted = [part for part in found.parts if part.score is not None and not part.factor.deduct]
    assert math.fsum(part.weight for part in counted) == pytest.approx(100)
    whole = math.fsum(part.factor.weight for part in counted)
    for part in counted:
        assert part.weight == pytest.approx(100 * (part.factor.weight / whole))
        assert part.lost == pytest.approx(part.weight * (1 - (part.score or 0.0)))
    for part in found.parts:
        if part.factor.deduct:
            assert part.weight == 0
            assert part.lost <= part.factor.weight


@given(models())
def test_a_score_is_the_weighted_mean_less_the_deductions(
    model: list[tuple[Factor, Reading]],
) -> None:
    found = scored(model)
    assume(found.value is not None)
    known = [
        (factor, ramp(value, factor.full, factor.zero))
        for factor, value in [(f, r.value) for f, r in model if is_known(f, r)]
        if value is not None
    ]
    whole = math.fsum(factor.weight for factor, _ in known if not factor.deduct)
    expected = 100 * math.fsum(
        factor.weight / whole * score for factor, score in known if not factor.deduct
    )
    for factor, score in known:
        if factor.deduct:
            expected -= factor.weight * (1 - score)
    assert found.value == pytest.approx(max(0.0, expected), abs=1e-6)


@given(models(), st.data())
def test_a_score_falls_with_every_signal_that_worsens(
    model: list[tuple[Factor, Reading]], data: st.DataObject
) -> None:
    places = [index for index, one in enumerate(model) if is_known(*one)]
    assume(places)
    place = data.draw(st.sampled_from(places))
    factor, reading = model[place]
    before = scored(model).value
    assert reading.value is not None
    worse = data.draw(
        st.floats(max_value=reading.value, allow_infinity=False)
        if factor.full > factor.zero
        else st.floats(reading.value, allow_infinity=False)
    )
    after = scored([*model[:place], (factor, reading._replace(value=worse)), *model[place + 1 :]])
    if before is None:
        assert after.value is None
    else:
        assert after.value is not None
        assert after.value <= before


@given(models())
def test_at_the_ends_of_all_ramps_it_is_exactly_100_or_0(
    model: list[tuple[Factor, Reading]],
) -> None:
    plain = [replace(factor, deduct=False, weight=factor.weight or 1.0) for factor, _ in model]
    assume(plain)
    assert score_of(plain, [Reading(factor.full, 30) for factor in plain]).value == 100
    assert score_of(plain, [Reading(factor.zero, 30) for factor in plain]).value == 0


@given(models())
def test_what_is_absent_counts_as_if_it_were_not_there(model: list[tuple[Factor, Reading]]) -> None:
    assert scored([one for one in model if is_known(*one)]).value == scored(model).value


@given(factors(), st.data())
def test_a_ramp_is_a_line_between_its_ends(factor: Factor, data: st.DataObject) -> None:
    full, zero = factor.full, factor.zero
    assert ramp(full, full, zero) == 1
    assert ramp(zero, full, zero) == 0
    value = data.draw(st.floats(min(full, zero), max(full, zero)))
    # Halves, for the ends may be further apart than numbers reach.
    share = (value / 2 - zero / 2) / (full / 2 - zero / 2) if abs(full / 2 - zero / 2) > 1 else None
    if share is not None:
        assert ramp(value, full, zero) == pytest.approx(share, abs=1e-9)
    better = data.draw(finite)
    if (better > full) == (full > zero):
        assert ramp(better, full, zero) == 1


@st.composite
def limited_models(draw: st.DrawFn) -> list[tuple[Factor, Reading]]:
    """Models some of whose factors limit the score, and count few samples in part."""
    limited = []
    for factor, reading in draw(models()):
        if draw(st.booleans()):
            least = draw(st.floats(0, 99))
            factor = replace(factor, weight=0.0, deduct=False, critical=True, least=least)  # noqa: PLW2901
        full_count = draw(st.integers(0, 60))
        limited.append((replace(factor, full_count=full_count), reading))
    return limited


@given(limited_models())
def test_limits_are_kept_and_explained(model: list[tuple[Factor, Reading]]) -> None:
    found = scored(model)
    counted = [one for one in model if is_known(*one) and not one[0].deduct and one[0].counts]
    assert (found.value is not None) == bool(counted)
    if found.value is None:
        return
    assert 0.0 <= found.value <= 100.0
    assert math.fsum(part.lost for part in found.parts) == pytest.approx(100 - found.value)
    for part in found.parts:
        assert part.lost >= 0
        if part.factor.critical and part.score is not None:
            assert found.value <= part.factor.limit(part.score) + 1e-9
            assert part.weight == 0


@given(limited_models(), st.data())
def test_a_limited_score_falls_with_every_signal_that_worsens(
    model: list[tuple[Factor, Reading]], data: st.DataObject
) -> None:
    places = [index for index, one in enumerate(model) if is_known(*one)]
    assume(places)
    place = data.draw(st.sampled_from(places))
    factor, reading = model[place]
    assert reading.value is not None
    worse = data.draw(
        st.floats(max_value=reading.value, allow_infinity=False)
        if factor.full > factor.zero
        else st.floats(reading.value, allow_infinity=False)
    )
    before = scored(model).value
    after = scored([*model[:place], (factor, reading._replace(value=worse)), *model[place + 1 :]])
    assert (before is None) == (after.value is None)
    assert before is None or (after.value or 0.0) <= before + 1e-9


def test_few_samples_count_in_part() -> None:
    factor = Factor("errors", QUERY, 0.0, 0.5, 0.0, critical=True, full_count=20)
    scores = [score_of([factor], [Reading(1.0, samples)]).value for samples in (0, 1, 10, 20, 99)]
    assert scores == [100, 95, 50, 0, 0]


@pytest.mark.parametrize(
    "options", [{"weight": 1.0}, {"deduct": True}, {"least": 100.0}, {"least": -1.0}]
)
def test_critical_factors_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="is critical: it limits the score"):
        Factor("f", QUERY, 0.0, 1.0, **{"weight": 0.0, "critical": True, **options})


def test_a_ramp_as_wide_as_all_numbers() -> None:
    scores = [ramp(value, -HUGE, HUGE) for value in (-HUGE, -HUGE / 2, 0.0, HUGE)]
    assert scores == pytest.approx([1, 0.75, 0.5, 0])


@given(st.floats(0, 1))
def test_the_gate(ratio: float) -> None:
    factor = Factor("errors", Query("error_ratio"), 0.0, 1.0, 30, min_count=10)
    assert factor_score(factor, Reading(ratio, 9)) is None
    assert factor_score(factor, Reading(ratio, 10)) == pytest.approx(1 - ratio)
    assert factor_score(factor, NO_DATA) is None


def test_scores_that_are_given_take_the_place_of_readings() -> None:
    one = Factor("one", Query("rate"), 0.0, 1.0, 30)
    two = Factor("two", Query("rate"), 0.0, 1.0, 10)
    both = [Reading(1.0, 5), Reading(0.5, 5)]
    assert score_of([one, two], both, {"one": 0.8}).value == pytest.approx(72.5)
    assert score_of([one, two], both, {"one": None}).value == pytest.approx(50)
    assert score_of([one, two], both, {"one": None, "two": None}).value is None


def test_deductions_come_last_and_never_take_more_than_there_is() -> None:
    alerts = Factor("alerts", Query("alert_points"), 0.0, 100.0, 100, deduct=True)
    more = replace(alerts, name="more")
    errors = Factor("errors", Query("error_ratio"), 0.0, 1.0, 3)
    found = score_of([alerts, errors, more], [Reading(60, 1), Reading(0.1, 1), Reading(60, 1)])
    assert found.value == 0
    assert [(part.factor.name, part.weight, part.lost) for part in found.parts] == [
        ("errors", 100, pytest.approx(10)),
        ("alerts", 0, pytest.approx(60)),
        ("more", 0, pytest.approx(30)),
    ]
    # Without anything to take them off there is no score.
    assert score_of([alerts], [Reading(60, 1)]).value is None


@given(models(), st.none() | st.floats(0, 100))
def test_no_better_than_the_worst_critical_component(
    model: list[tuple[Factor, Reading]], worst: float | None
) -> None:
    before = scored(model)
    after = capped(before, worst)
    if worst is None or before.value is None:
        assert after == before
        return
    assert after.value == min(before.value, worst)
    assert after.parts[:-1] == before.parts
    last = after.parts[-1]
    assert (last.factor, last.reading, last.score) == (
        CRITICAL_COMPONENT,
        Reading(worst, 1),
        worst / 100,
    )
    lost = math.fsum(part.lost for part in after.parts)
    assert lost == pytest.approx(100 - after.value, abs=1e-9)


@given(st.lists(st.tuples(st.none() | st.floats(0, 1), weights)))
def test_a_weighted_mean_is_of_what_is_known(scores: list[tuple[float | None, float]]) -> None:
    known = [(score, weight) for score, weight in scores if score is not None and weight]
    mean = weighted_mean(scores)
    if not known:
        assert mean is None
        return
    assert mean is not None
    tolerance = 1e-12
    assert min(score for score, _ in known) - tolerance <= mean
    assert mean <= max(score for score, _ in known) + tolerance
    assert 0 <= mean <= 1
    whole = math.fsum(weight for _, weight in known)
    expected = math.fsum(score * (weight / whole) for score, weight in known)
    assert mean == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"zero": 0.0}, "goes from full=0.0 to zero=0.0: use two finite numbers that differ"),
        ({"full": math.nan}, "goes from full=nan to zero=1.0: use two finite numbers that differ"),
        ({"zero": math.inf}, "goes from full=0.0 to zero=inf: use two finite numbers that differ"),
        ({"weight": -1.0}, "has weight=-1.0: use a number from 0 to 1000000"),
        ({"weight": math.nan}, "has weight=nan: use a number from 0 to 1000000"),
        ({"weight": 1e7}, "has weight=10000000.0: use a number from 0 to 1000000"),
    ],
)
def test_a_factor_that_cannot_be(fields: dict[str, float], message: str) -> None:
    given_fields = {"full": 0.0, "zero": 1.0, "weight": 1.0} | fields
    with pytest.raises(ConfigurationError) as refused:
        Factor("errors", Query("error_ratio"), **given_fields)  # type: ignore[arg-type]
    assert str(refused.value) == f"factor 'errors' {message}"


def weighed(
    scoring: Scoring, slos: Sequence[Slo] = (), default: str = "classic"
) -> dict[str, float]:
    return {factor.name: factor.weight for factor in factors_of(scoring, slos, default)}


def test_the_models() -> None:
    assert weighed(Scoring()) == {"errors": 30, "alerts": 30, "resources": 20, "trend": 20}
    assert weighed(Scoring(), default="pipeline") == {
        "cache": 30,
        "success": 25,
        "speed": 25,
        "memory": 20,
        "alerts": 100,
    }
    assert [factor.name for factor in PIPELINE if factor.deduct] == ["alerts"]
    assert weighed(Scoring(model="slo"), [Slo("a", 0.99), Slo("b", 0.9)]) == {"a": 1, "b": 1}
    assert weighed(Scoring(model="slo")) == {}
    assert [model_name(one, "slo") for one in (Scoring(), Scoring(model="pipeline"))] == [
        "slo",
        "pipeline",
    ]


def test_factors_of_a_users_own() -> None:
    busy = Factor("busy", Query("cpu_utilization"), 0.5, 1.0, 10)
    other = replace(busy, name="trend", weight=50)
    none = replace(busy, name="alerts", weight=0)
    assert weighed(Scoring(factors=(busy,))) == {"busy": 10}
    assert model_name(Scoring(factors=(busy,)), "classic") == "own"
    # Beside those of a model, in place of one, or to leave one out.
    both = Scoring(model="classic", factors=(busy, other, none))
    assert weighed(both) == {"errors": 30, "resources": 20, "trend": 50, "busy": 10}
    assert model_name(both, "slo") == "classic"
    assert weighed(Scoring(factors=(none,))) == {}


@pytest.mark.parametrize(
    ("objective", "gate"), [(0.9, 10), (0.99, 10), (0.995, 14), (0.999, 70), (0.9999, 695)]
)
def test_the_gate_of_an_slo(objective: float, gate: int) -> None:
    [factor] = slo_factors([Slo("s", objective)])
    assert factor.min_count == gate
    # Of 10 calls that may fail one does: all of them are ten times as many, and no more.
    assert (factor.full, factor.zero) == (1.0, pytest.approx(min(14.4, 1 / (1 - objective))))
    assert (factor.query.signal, factor.query.slo) == ("burn_rate", "s")
    assert (factor.query.window, factor.query.short) == (3600.0, 300.0)
    if gate > 10:
        # At the gate one bad event alone does not cost everything, and below it it would.
        assert ramp(1 / gate / (1 - objective), 1.0, 14.4) > 0
        assert ramp(1 / (gate - 1) / (1 - objective), 1.0, 14.4) == 0


def test_the_points_of_the_classic_model() -> None:
    readings = {"errors": 0.5, "alerts": 10.0, "resources": 0.85, "trend": 0.55}
    found = score_of(CLASSIC, [Reading(readings[factor.name], 99) for factor in CLASSIC])
    lost = {part.factor.name: part.lost for part in found.parts}
    assert lost == pytest.approx({"errors": 15, "alerts": 10, "resources": 10, "trend": 10})
    assert found.value == pytest.approx(55)
