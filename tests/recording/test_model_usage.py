"""Calls to models: tokens by kind, cost by a price table, durations, retries, and their bounds."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

import vitalspan as vs
from support.forked_child import holds_in_child
from support.subprograms import run_program
from vitalspan.errors import ConfigurationError
from vitalspan.exposition.model_usage import MAX_MODELS
from vitalspan.recording.prices import Price, PriceTable

Read = Callable[..., float | None]


@pytest.fixture
def labels() -> dict[str, str]:
    return {"component": "default", "api": "openai", "model": "large"}


def test_what_a_call_used_is_counted_by_model(
    monitor: vs.Monitor, sample: Read, labels: dict[str, str]
) -> None:
    api = monitor.api("openai")
    api.record(
        model="large",
        input_tokens=1000,
        output_tokens=200,
        cached_tokens=400,
        reasoning_tokens=50,
        duration=3.0,
        first_token=0.4,
        retries=2,
        cost=0.5,
    )
    api.record(model="large", error=TimeoutError(), duration=10.0)
    for kind, tokens in zip(
        ("input", "output", "cached", "reasoning"), (1000, 200, 400, 50), strict=True
    ):
        assert sample("api_model_tokens_total", **labels, token_type=kind) == tokens
    assert sample("api_model_calls_total", **labels, outcome="ok") == 1
    assert sample("api_model_calls_total", **labels, outcome="error") == 1
    assert sample("api_model_cost_dollars_total", **labels) == 0.5
    assert sample("api_retries_total", **labels) == 2
    assert sample("api_duration_seconds_sum", **labels) == 13.0
    assert sample("api_time_to_first_token_seconds_count", **labels) == 1
    # The totals of the API know it as well.
    assert sample("api_tokens_total", component="default", api="openai") == 1200
    assert sample("api_cost_dollars_total", component="default", api="openai") == 0.5
    monitor.reset()
    assert sample("api_model_calls_total", **labels, outcome="ok") is None
    api.record(model="large")
    assert sample("api_model_calls_total", **labels, outcome="ok") == 1


def test_a_call_without_details_makes_no_metric_by_model(
    monitor: vs.Monitor, registry: CollectorRegistry
) -> None:
    monitor.api("openai").record(tokens=5, cost=1.0)
    assert b"api_model" not in vs.generate_latest(registry)
    monitor.disable()
    monitor.api("openai").record(model="large")
    assert b"api_model" not in vs.generate_latest(registry)


def test_retries_alone_are_counted(monitor: vs.Monitor, sample: Read) -> None:
    monitor.api("maps").record(retries=2)
    assert sample("api_retries_total", component="default", api="maps", model="") == 2


def test_a_block_times_its_call(
    monitor: vs.Monitor, clock: vs.ManualClock, sample: Read, labels: dict[str, str]
) -> None:
    api = monitor.api("openai")
    with api.call(model="large") as call:
        clock.advance(0.5)
        call.first_token()
        clock.advance(1.5)
        call.first_token()
        call.retry()
        call.use(input_tokens=10)
        call.use(output_tokens=4)
    assert sample("api_duration_seconds_sum", **labels) == 2.0
    assert sample("api_time_to_first_token_seconds_sum", **labels) == 0.5
    assert sample("api_tokens_total", component="default", api="openai") == 14
    assert sample("api_retries_total", **labels) == 1
    with pytest.raises(TimeoutError), api.call(model="large"):
        raise TimeoutError
    with pytest.raises(KeyboardInterrupt), api.call(model="large"):
        raise KeyboardInterrupt
    with api.call() as call:
        call.use(model="large")
        call.fail("refused")
    assert sample("api_model_calls_total", **labels, outcome="error") == 2
    assert sample("api_model_calls_total", **labels, outcome="ok") == 2


def test_a_block_of_a_coroutine(
    monitor: vs.Monitor, clock: vs.ManualClock, sample: Read, labels: dict[str, str], run: Any
) -> None:
    async def ask() -> None:
        async with monitor.api("openai").call(model="large"):
            clock.advance(1.0)

    run(ask())
    assert sample("api_duration_seconds_sum", **labels) == 1.0


def test_models_are_bounded(monitor: vs.Monitor, sample: Read) -> None:
    api = monitor.api("openai")
    for number in range(MAX_MODELS + 7):
        api.record(model=f"model {number}")
    overflow = {"component": "default", "api": "openai", "model": "_overflow"}
    assert sample("api_model_calls_total", **overflow, outcome="ok") == 7
    api.record(model="model 0", error="refused")
    first = {**overflow, "model": "model 0"}
    assert sample("api_model_calls_total", **first, outcome="ok") == 1
    assert sample("api_model_calls_total", **first, outcome="error") == 1


def test_amounts_that_are_none_are_left_out(
    monitor: vs.Monitor, sample: Read, labels: dict[str, str]
) -> None:
    bad: Any = "many"
    monitor.api("openai").record(model="large", input_tokens=-1, output_tokens=3, duration=bad)
    assert sample("api_model_tokens_total", **labels, token_type="output") == 3
    assert sample("vitalspan_internal_errors_total", where="api") == 2
    assert sample("api_duration_seconds_count", **labels) is None


def test_a_clash_of_names_is_a_fault_of_ours(registry: CollectorRegistry, sample: Read) -> None:
    first = vs.Monitor(registry=registry, system_metrics=False)
    second = vs.Monitor(registry=registry, system_metrics=False, metric_prefix="other_")
    first.api("openai").record(model="large")
    second.api("openai").record(model="large")
    labels = {"component": "default", "api": "openai", "model": "large", "outcome": "ok"}
    assert sample("api_model_calls_total", **labels) == 1
    assert sample("other_api_model_calls_total", **labels) == 1
    second.configure(metric_prefix="third_")
    second.api("openai").record(model="large")
    assert sample("other_api_model_calls_total", **labels) is None
    assert sample("third_api_model_calls_total", **labels) == 1
    second.close()
    assert sample("third_api_model_calls_total", **labels) is None
    first.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_counts_its_own_calls(
    monitor: vs.Monitor, sample: Read, labels: dict[str, str]
) -> None:
    api = monitor.api("openai")
    api.record(model="large")

    def counts_its_own() -> bool:
        api.record(model="large")
        return sample("api_model_calls_total", **labels, outcome="ok") == 1

    assert holds_in_child(counts_its_own)


def test_calls_of_several_processes_are_added_up(tmp_path: Path) -> None:
    program = """
    from prometheus_client import CollectorRegistry
    monitor = vs.Monitor(registry=CollectorRegistry(), system_metrics=False, workers=FOLDER)
    monitor.api("openai").record(model="large", input_tokens=5, duration=1.0)
    print(monitor.generate_latest().decode())
    monitor.close()
    """
    program = textwrap.dedent(program).replace("FOLDER", repr(str(tmp_path / "workers")))
    first, second = run_program(program), run_program(program)
    of_model = 'api="openai",component="default",model="large"'
    for printed, times in ((first, 1), (second, 2)):
        assert f"api_duration_seconds_sum{{{of_model}}} {times:.1f}" in printed
        tokens = f'api_model_tokens_total{{{of_model},token_type="input"}} {5 * times:.1f}'
        assert tokens in printed


def test_the_names_of_the_conventions(registry: CollectorRegistry) -> None:
    monitor = vs.Monitor(registry=registry, system_metrics=False, gen_ai_metrics=True)
    monitor.api("openai").record(
        model="large", input_tokens=30, output_tokens=5, duration=2.0, first_token=0.2
    )
    monitor.api("openai").record(
        model="large", operation="embeddings", error=KeyError("k"), duration=1
    )
    read = registry.get_sample_value
    labels = {"gen_ai_provider_name": "openai", "gen_ai_request_model": "large"}
    chat = {**labels, "gen_ai_operation_name": "chat"}
    tokens = "gen_ai_client_token_usage_sum"
    assert read(tokens, {**chat, "gen_ai_token_type": "input"}) == 30
    assert read(tokens, {**chat, "gen_ai_token_type": "output"}) == 5
    duration = "gen_ai_client_operation_duration_seconds_sum"
    assert read(duration, {**chat, "error_type": ""}) == 2.0
    embeddings = {**labels, "gen_ai_operation_name": "embeddings"}
    assert read(duration, {**embeddings, "error_type": "KeyError"}) == 1.0
    first_chunk = "gen_ai_client_operation_time_to_first_chunk_seconds_sum"
    assert read(first_chunk, chat) == 0.2
    monitor.close()


def test_a_price_table_gives_calls_their_cost(monitor: vs.Monitor, sample: Read) -> None:
    monitor.prices.set("large*", input=2.0, output=8.0)
    monitor.prices.set("large-cheap*", input=1.0, output=4.0, cached=0.5, reasoning=2.0, call=0.01)
    api = monitor.api("openai")
    api.record(model="large-1", input_tokens=1_000_000, output_tokens=500_000)
    assert sample("api_cost_dollars_total", api="openai") == pytest.approx(6.0)
    api.record(
        model="large-cheap-2",
        input_tokens=1_000_000,
        cached_tokens=400_000,
        output_tokens=1_000_000,
        reasoning_tokens=500_000,
    )
    # 0.6 * 1 + 0.4 * 0.5 + 0.5 * 4 + 0.5 * 2 + 0.01
    assert sample("api_cost_dollars_total", api="openai") == pytest.approx(6.0 + 3.81)
    api.record(model="large-1", input_tokens=1_000_000, cost=0.0)
    api.record(model="unknown", input_tokens=1_000_000)
    assert sample("api_cost_dollars_total", api="openai") == pytest.approx(9.81)


@pytest.mark.parametrize("price", [-1.0, float("nan"), "2", True])
def test_a_price_has_to_be_one(price: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"the input price of 'large' is .*: use dollars"):
        PriceTable().set("large", input=price)


def test_a_price_table_is_changed_wholly_or_not_at_all() -> None:
    table = PriceTable()
    table.replace({"small": {"input": 1}})
    with pytest.raises(ConfigurationError, match="has no 'imput': did you mean input"):
        table.replace({"large": {"input": 2}, "other": {"imput": 3}})
    assert table.find("small") == Price(1)
    assert table.find("large") is None
    with pytest.raises(ConfigurationError, match="is not a model"):
        table.set("")


amounts = st.floats(0, 1e6)


@given(amounts, amounts, st.floats(0, 1), st.floats(0, 1))
def test_without_prices_of_their_own_parts_cost_what_the_whole_costs(
    tokens: float, output: float, cached: float, reasoning: float
) -> None:
    price = Price(input=3.0, output=12.0)
    whole = price.cost(tokens, output, 0, 0)
    assert price.cost(tokens, output, tokens * cached, output * reasoning) == pytest.approx(whole)


def test_a_file_of_prices(tmp_path: Path, registry: CollectorRegistry) -> None:
    path = tmp_path / "prices.yml"
    path.write_text(
        "prices:\n  large: {input: 2.5, output: 10, cached: 1.25}\n  'small-*': {input: 0.1}\n"
    )
    monitor = vs.Monitor(registry=registry, system_metrics=False, prices=str(path))
    assert monitor.prices.find("large") == Price(2.5, 10, 1.25)
    assert monitor.prices.find("small-2") == Price(0.1)
    path.with_name("other.yml").write_text("prices:\n  large: {input: -1, inptu: 2}\n")
    with pytest.raises(ConfigurationError) as refused:
        monitor.configure(prices=str(path.with_name("other.yml")))
    assert "other.yml:2:" in str(refused.value)
    assert "did you mean input" in str(refused.value)
    assert len(monitor.prices) == 2
    path.with_name("empty.yml").write_text("{}")
    with pytest.raises(ConfigurationError, match="has no prices"):
        monitor.configure(prices=str(path.with_name("empty.yml")))
    monitor.configure(prices="")
    assert len(monitor.prices) == 0
    monitor.close()
