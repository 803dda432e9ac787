"""A poller of queue lengths, which asks the broker at intervals in a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Self

from vitalspan.argument_checks import check_seconds
from vitalspan.default import get_monitor
from vitalspan.errors import ConfigurationError
from vitalspan.integrations.task_metrics import task_metrics
from vitalspan.labels import value_text
from vitalspan.runtime.internal_errors import logger
from vitalspan.runtime.ticker import Ticker

if TYPE_CHECKING:
    from vitalspan.monitor import Monitor


class QueuePoller:
    """Shows how many tasks wait in queues, as `task_queue_length`.

    If the broker cannot be asked, the queue has no length, and the first failure in a row is
    logged.

    Args:
        read: returns the length of the queue with a given name.
        queues: the names of the queues.
        interval: seconds between two readings.
        monitor: the monitor that shows the lengths; None is the default monitor.

    Raises:
        ConfigurationError: for invalid arguments.
    """

    def __init__(
        self,
        read: Callable[[str], int],
        queues: Sequence[str],
        interval: float = 15.0,
        monitor: Monitor | None = None,
    ) -> None:
        if isinstance(queues, str) or not all(isinstance(queue, str) for queue in queues):
            raise ConfigurationError(
                f"queues={queues!r:.80}: use a sequence of names, such as ['celery']"
            )
        check_seconds("interval", interval, 0.1, 3600)
        self._read = read
        self._queues = tuple(queues)
        self._metrics = task_metrics(monitor or get_monitor())
        self._failing: set[str] = set()
        self._ticker = Ticker(self.poll, interval, "vitalspan-queues")

    def start(self) -> Self:
        """Start reading the lengths in a daemon thread. It does not continue in forked children."""
        self._ticker.start()
        return self

    def stop(self) -> None:
        """Stop reading."""
        self._ticker.stop()

    def poll(self) -> None:
        """Read the lengths once."""
        for queue in self._queues:
            try:
                self._metrics.set_length(queue, self._read(queue))
                self._failing.discard(queue)
            except Exception as problem:  # noqa: BLE001 - whatever a broker's client raises
                self._metrics.set_length(queue, None)
                if queue not in self._failing:
                    self._failing.add(queue)
                    logger.warning(
                        "the length of the queue %s could not be read: %s",
                        queue,
                        value_text(problem),
                    )
