"""A server that waits for its port, which another worker of the same service serves for all."""

from __future__ import annotations

import errno
import logging
import threading
from typing import TYPE_CHECKING, Final

from vitalspan.runtime import fork
from vitalspan.serve.metrics_server import MetricsServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from vitalspan.serve.web_config import WebConfig

_log = logging.getLogger(__name__)

_RETRY_SECONDS: Final = 1.0
_TRIES: Final = 2
"""A worker that has just taken the port may not have noted that yet."""


class StandbyServer(MetricsServer):
    """Takes the port as soon as the worker that has it dies, and then serves for all workers.

    A forked child does not take part.

    Args:
        listen: makes the server; raises OSError while the port is taken, and RuntimeError if no
            thread can be started.
        address: the address to listen on.
        port: the TCP port.
        config: returns the current web configuration.
        is_served: returns whether a worker of the same service has the port, and no other program.
        wait: waits for some seconds, or until the event is set; returns whether it is set.
    """

    def __init__(
        self,
        listen: Callable[[], MetricsServer],
        address: str,
        port: int,
        config: Callable[[], WebConfig],
        *,
        is_served: Callable[[], bool],
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
    ) -> None:
        self.address, self.port = address, port
        self._config = config
        self._listen = listen
        self._is_served = is_served
        self._tries_at_stranger = 0
        self._wait = wait
        self._server: MetricsServer | None = None
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"vitalspan-http-standby-{port}", daemon=True
        )
        self._thread.start()
        fork.reset_in_child(self)

    @property
    def serving(self) -> bool:
        """True if this process has the port and serves."""
        return self._server is not None

    def close(self) -> None:
        """Stop waiting and serving."""
        self._closing.set()
        self._thread.join(2 * _RETRY_SECONDS)
        if self._server is not None:
            self._server.close()

    def reset(self) -> None:
        """Stop waiting, in a forked child."""
        self._closing = threading.Event()
        self._closing.set()

    def _run(self) -> None:
        closing = self._closing
        while not self._wait(closing, _RETRY_SECONDS):
            try:
                server = self._listen()
            except (OSError, RuntimeError) as error:
                # The port is still taken, or no thread can be started at the moment.
                if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
                    self._warn_of_stranger()
                continue
            self._server = server
            if closing.is_set():
                server.close()
            return

    def _warn_of_stranger(self) -> None:
        """Log once that another program has the port, if one has."""
        self._tries_at_stranger = 0 if self._is_served() else self._tries_at_stranger + 1
        if self._tries_at_stranger == _TRIES:
            _log.warning(
                "port %d is taken by another program, not by a worker of this service, so nothing "
                "serves the metrics there: end that program, or choose another port",
                self.port,
            )
