"""The phases of the demo: the faults, and when they happen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of the demo; by default nothing goes wrong.

    Args:
        name: the name on the screen.
        hint: what happens, and which series shows it.
        database_factor: how many times longer than usual a query takes.
        payment_failures: the share of payments that the provider cannot take, from 0 to 1.
        cache_cold: whether the page cache is emptied.
        supplier_silent: whether the supplier never answers one delivery.
        leaking: whether rendered reports stay in memory.
        load_factor: the share of the usual visitors who come, from 0 to 1.
        opens_with: the visit that is made first, so that the fault shows at any rate.
    """

    name: str
    hint: str
    database_factor: float = 1.0
    payment_failures: float = 0.0
    cache_cold: bool = False
    supplier_silent: bool = False
    leaking: bool = False
    load_factor: float = 1.0
    opens_with: str = "browse"


PHASES = (
    Phase("calm", "all is well; this is what the other phases differ from"),
    Phase(
        "slow database",
        "queries take 6 times as long, so that searches time out: operation_cancellations_total",
        database_factor=6.0,
        opens_with="search",
    ),
    Phase(
        "payment errors",
        "4 of 10 payments fail: operation_errors_total by error_type",
        payment_failures=0.4,
        opens_with="checkout",
    ),
    Phase(
        "cold cache",
        'every page is built anew: cache_requests_total{result="miss"}',
        cache_cold=True,
    ),
    Phase(
        "stuck call",
        "one restock never answers: operation_oldest_in_progress_seconds",
        supplier_silent=True,
        opens_with="restock",
    ),
    Phase(
        "memory leak",
        "reports are kept, up to 64 MiB: operation_memory_growth_bytes_total",
        leaking=True,
        opens_with="report",
    ),
    Phase(
        "quiet", "one visitor in ten comes: rate(operation_duration_seconds_count)", load_factor=0.1
    ),
)


class Schedule:
    """The schedule of the phases; after the last phase, the first one begins again.

    Args:
        phase_seconds: how long each phase lasts.
    """

    def __init__(self, phase_seconds: float) -> None:
        self._phase_seconds = phase_seconds

    def number(self, elapsed: float) -> int:
        """Return how many phases have ended after `elapsed` seconds of the demo."""
        return int(elapsed // self._phase_seconds)

    def begin(self, number: int) -> float:
        """Return the elapsed seconds at which a phase begins."""
        return number * self._phase_seconds

    def phase(self, number: int) -> Phase:
        """Return the phase with a number, counted from 0."""
        return PHASES[number % len(PHASES)]
