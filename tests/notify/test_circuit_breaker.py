"""The circuit breaker, by cases and against a model."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from vitalspan.notify.circuit_breaker import CircuitBreaker

PAUSE = 30.0


@pytest.fixture
def circuit() -> CircuitBreaker:
    return CircuitBreaker(failures=3, pause=PAUSE)


def test_it_opens_after_failures_in_a_row(circuit: CircuitBreaker) -> None:
    for now in (0.0, 1.0):
        circuit.failed(now)
        assert circuit.state(now) == "closed"
        assert circuit.admits(now)
    circuit.failed(2.0)
    assert circuit.state(2.0) == "open"
    assert not circuit.admits(2.0)


def test_a_success_between_failures_keeps_it_closed(circuit: CircuitBreaker) -> None:
    for now in range(20):
        circuit.failed(now)
        circuit.failed(now)
        circuit.succeeded()
        assert circuit.state(now) == "closed"


def test_one_probe_after_the_pause_decides(circuit: CircuitBreaker) -> None:
    circuit.trip(0.0)
    assert circuit.state(29.9) == "open"
    assert circuit.state(30.0) == "half_open"
    assert circuit.admits(30.0)
    assert not circuit.admits(30.0)
    assert circuit.state(31.0) == "half_open"
    circuit.failed(31.0)
    assert circuit.state(60.9) == "open"
    assert circuit.admits(61.0)
    circuit.succeeded()
    assert circuit.state(61.0) == "closed"
    assert circuit.admits(61.0)


def test_a_probe_that_is_never_heard_of_again_is_given_up(circuit: CircuitBreaker) -> None:
    circuit.trip(0.0)
    assert circuit.admits(30.0)
    assert not circuit.admits(59.9)
    assert circuit.admits(60.0)


class CircuitMachine(RuleBasedStateMachine):
    """What was tried and what came of it, told as a list, from which the state follows."""

    @initialize(failures=st.integers(1, 4))
    def begin(self, failures: int) -> None:
        self.failures = failures
        self.circuit = CircuitBreaker(failures, PAUSE)
        self.now = 0.0
        self.in_a_row = 0
        self.opened_at: float | None = None
        self.probed_at: float | None = None

    @rule(seconds=st.sampled_from([0.0, 1.0, 14.0, 29.0, 30.0, 31.0]))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(works=st.booleans())
    def attempt(self, works: bool) -> None:
        admitted = self.circuit.admits(self.now)
        assert admitted == self.expected_admission()
        if not admitted:
            return
        if works:
            self.circuit.succeeded()
            self.in_a_row, self.opened_at = 0, None
            return
        self.circuit.failed(self.now)
        self.in_a_row += 1
        if self.opened_at is not None or self.in_a_row >= self.failures:
            self.opened_at = self.now
        self.probed_at = None

    @rule()
    def attempt_that_hangs(self) -> None:
        admitted = self.circuit.admits(self.now)
        assert admitted == self.expected_admission()
        if admitted and self.opened_at is not None:
            self.probed_at = self.now

    @rule()
    def trip(self) -> None:
        self.circuit.trip(self.now)
        self.opened_at, self.probed_at = self.now, None

    def expected_admission(self) -> bool:
        if self.opened_at is None:
            return True
        if self.now - self.opened_at < PAUSE:
            return False
        return self.probed_at is None or self.now - self.probed_at >= PAUSE

    @invariant()
    def states_agree(self) -> None:
        if self.opened_at is None:
            expected = "closed"
        else:
            expected = "open" if self.now - self.opened_at < PAUSE else "half_open"
        assert self.circuit.state(self.now) == expected


TestCircuitMachine = CircuitMachine.TestCase
