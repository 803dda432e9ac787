"""Tests of what a program records and alerts on, without waiting for anything.

Run: pytest examples/test_checkout.py
"""

import pytest
from prometheus_client import CollectorRegistry

import vitalspan as vs


# What is tested: some code of yours, and a rule about it.
@vs.operation("checkout", component="payments")
def checkout(order: int) -> str:
    if order < 0:
        raise ValueError("no such order")
    vs.current_call().add("dollars", 25)
    return "paid"


CHECKOUT_SLOW = {"alert": "CheckoutSlow", "signal": "latency_p95", "above": "500ms", "for_": "30s"}


def test_a_call_is_recorded() -> None:
    checkout(1)
    call = vs.get_monitor().recent_calls()[-1]
    assert (call.operation, call.outcome) == ("checkout", "ok")


def test_a_failed_call_is_counted_by_its_error() -> None:
    def errors() -> float:
        labels = {"component": "payments", "operation": "checkout", "error_type": "ValueError"}
        # It is None before the first error.
        return vs.get_monitor().registry.get_sample_value("operation_errors_total", labels) or 0.0

    before = errors()
    with pytest.raises(ValueError, match="no such order"):
        checkout(-1)
    assert errors() == before + 1


def test_the_alert_fires_when_checkouts_have_been_slow_for_30_seconds() -> None:
    # A monitor of its own, on a clock that the test moves: half a minute takes no time.
    clock = vs.ManualClock()
    monitor = vs.Monitor(registry=CollectorRegistry(), clock=clock, system_metrics=False)
    monitor.rules.add(**CHECKOUT_SLOW)
    states = []
    for _ in range(8):
        with monitor.operation("checkout"):
            clock.advance(5)
        monitor.tick()
        states += [alert.state for alert in monitor.alerts.active()]
    assert states == ["pending"] * 6 + ["firing"] * 2
    monitor.close()
