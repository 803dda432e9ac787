"""Rates and quantiles between two scrapes with known figures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.top_screens import exposition, reading
from vitalspan.top.figures import Figures, figures_of, summed
from vitalspan.top.service_metrics import Key


def between(before: str, after: str, seconds: float = 10.0, instance: str = "") -> Figures:
    [figures] = figures_of(reading(before), reading(after, seconds), instance)
    return figures


def test_rates_are_what_was_counted_between_two_scrapes() -> None:
    figures = between(exposition(100, 5), exposition(300, 55))
    assert (figures.call_rate, figures.error_rate) == (20.0, 5.0)
    assert figures.error_ratio == 0.25
    assert figures.mean == pytest.approx(0.1)
    assert figures.quantile(0.5) == pytest.approx(0.1)
    assert figures.quantile(0.95) == pytest.approx(0.19)
    assert (figures.calls, figures.cancelled, figures.in_progress) == (300, 3, 2)
    assert figures.errors == {"ValueError": 55}
    assert figures.oldest == 75.0


def test_one_scrape_has_counts_and_no_rates() -> None:
    [figures] = figures_of(None, reading(exposition(100)))
    assert figures.calls == 100
    assert figures.call_rate is figures.error_ratio is figures.mean is figures.quantile(0.5) is None


@pytest.mark.parametrize(("start", "calls"), [(2.0, 500), (1.0, 50)])
def test_a_process_that_began_anew_has_counted_from_zero(start: float, calls: int) -> None:
    """It is known by its start, or by a counter that went down."""
    figures = between(exposition(100, 50), exposition(calls, 5, start=start))
    assert figures.call_rate == calls / 10
    assert figures.error_rate == 0.5
    assert figures.quantile(0.5) == pytest.approx(0.1)


def test_an_operation_that_is_new_counts_from_zero() -> None:
    figures = figures_of(reading(exposition(5, operation="a")), reading(exposition(30), 10.0))
    assert [one.call_rate for one in figures] == [3.0]


def test_no_calls_have_no_quantile_and_those_beyond_all_buckets_its_greatest_bound() -> None:
    assert between(exposition(100), exposition(100)).quantile(0.95) is None
    assert between(exposition(100), exposition(100)).call_rate == 0
    slow = Figures("", "", bucket_rates={0.1: 0.0, float("inf"): 4.0})
    assert slow.quantile(0.5) == 0.1


def test_instances_are_added_up_before_anything_is_divided() -> None:
    one = between(exposition(0), exposition(100, 50), instance="a")
    other = between(exposition(0), exposition(300), instance="b")
    [total] = summed([one, other])
    assert total.call_rate == 40
    assert total.error_ratio == 0.125
    assert (total.instance, total.calls, total.in_progress, total.oldest) == ("", 400, 4, 75.0)


def test_an_instance_with_one_scrape_adds_its_counts_only() -> None:
    [late] = figures_of(None, reading(exposition(7)))
    [total] = summed([late, between(exposition(0), exposition(100))])
    assert (total.calls, total.call_rate) == (107, 10)


counts = st.integers(0, 10**6)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=4))
def test_rates_and_quantiles_stay_within_bounds(pairs: list[tuple[int, int]]) -> None:
    [total] = summed(between(exposition(a, a // 2), exposition(b, b // 2)) for a, b in pairs)
    assert total.call_rate is not None
    assert total.call_rate >= 0
    assert total.error_ratio is None or 0 <= total.error_ratio <= 1
    quantiles = [total.quantile(q) for q in (0.1, 0.5, 0.99)]
    if total.call_rate:
        known = [one for one in quantiles if one is not None]
        assert known == sorted(known)
        assert all(0 <= one <= 0.2 for one in known)
    else:
        assert quantiles == [None] * 3


def test_declared_labels_are_added_up() -> None:
    text = "# TYPE operation_in_progress gauge\n" + "".join(
        f'operation_in_progress{{component="c",operation="o",tier="{tier}"}} {count}\n'
        for tier, count in (("gold", 2), ("free", 3))
    )
    assert reading(text).operations[Key("c", "o")].in_progress == 5


def test_metrics_with_a_prefix() -> None:
    text = exposition(10).replace("operation_", "shop_operation_")
    assert reading(text, metric_prefix="shop_").operations[Key("shop", "checkout")].calls == 10
    assert not reading("# TYPE rooms gauge\nrooms 3\n").known


def test_samples_that_make_no_sense_are_left_out() -> None:
    text = (
        "# TYPE health_score gauge\nhealth_score NaN\n# TYPE alert_state gauge\n"
        'alert_state{alertname="a"} 7\nalert_state{alertname="b"} +Inf\n'
    )
    found = reading(text)
    assert found.health.score is None
    assert found.alerts == []
