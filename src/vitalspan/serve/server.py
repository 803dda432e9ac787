"""An HTTP server for metrics and probes, in daemon threads, for a network that may be hostile."""

from __future__ import annotations

import errno
import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import REGISTRY

from vitalspan.argument_checks import check_whole, seconds_above_0
from vitalspan.environment_settings import from_environment
from vitalspan.errors import ConfigurationError
from vitalspan.living_monitors import monitors_of, start_monitors_of
from vitalspan.serve.connection import Timeouts
from vitalspan.serve.listener import listen_on_first
from vitalspan.serve.metrics_server import MetricsServer
from vitalspan.serve.web_config import WebConfig, WebConfigFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from prometheus_client.registry import Collector

_log = logging.getLogger(__name__)

_MOST_PORTS: Final = 1000
_MOST_CONNECTIONS: Final = 1024
# The application needs file descriptors, too.
_SHARE_OF_DESCRIPTORS: Final = 4


def start_http_server(
    port: int | range | str = 9464,
    addr: str = "127.0.0.1",
    registry: Collector = REGISTRY,
    *,
    web_config: str | os.PathLike[str] | None = None,
    max_connections: int | None = None,
    timeout: float = 10.0,
    idle_timeout: float = 90.0,
) -> MetricsServer:
    """Serve a registry's metrics at `/metrics` from daemon threads, and start its monitors' ticks.

    Monitors that are made later tick as well. `/-/live`, `/-/ready` and `/health` are probes.

    Args:
        port: the TCP port. 0 picks a free one; see `MetricsServer.port`. If there are several, as
            in `range(9464, 9474)` or `"9464-9473"`, the first free one is used.
        addr: the address or host name to listen on: `0.0.0.0` for all of IPv4, `::` for all.
        registry: the registry whose metrics are served.
        web_config: a web configuration file, for TLS, client certificates and users.
        max_connections: how many connections may be open at a time. For one more, the one that has
            been silent longest is closed; if none is silent, the new one gets a 503. An eighth is
            reserved for everything but scrapes. The default is 1,024, but at most a quarter of the
            files that the process may open.
        timeout: seconds for a whole request to arrive, from its first byte on, or for the first
            request from the connection on, including TLS; and again for its response to be sent.
        idle_timeout: seconds that a connection may wait for its next request. A scraper keeps its
            connection if this is longer than its scrape interval.

    Raises:
        ConfigurationError: if an option or the web configuration cannot be used.
        MissingExtraError: if there is a web configuration and the extra `server` is missing.
        OSError: if the server cannot listen on the address; the message names it. If several
            workers share their metrics, a port that is taken is not an error: the first worker
            serves for all, and when it dies another one takes the port. A warning is logged if
            another program has it.
    """
    ports = _ports(port)
    if max_connections is None:
        max_connections = _default_max_connections()
    check_whole("max_connections", max_connections)
    seconds_above_0("timeout", timeout)
    seconds_above_0("idle_timeout", idle_timeout)
    config = WebConfig if web_config is None else WebConfigFile(web_config).current

    directory = _directory_of_workers(registry)

    def listen() -> MetricsServer:
        server = MetricsServer(
            listen_on_first(addr, ports),
            registry,
            config,
            max_connections=max_connections,
            timeouts=Timeouts(timeout, idle_timeout),
        )
        if directory is not None:
            _note_server(directory, server.port)
        return server

    try:
        server = listen()
    except OSError as error:
        if error.errno != errno.EADDRINUSE or len(ports) > 1 or directory is None:
            raise
        server = _standby(listen, addr, ports[0], config, directory)
    try:
        start_monitors_of(registry)
    except BaseException:
        server.close()
        raise
    return server


def _directory_of_workers(registry: object) -> Path | None:
    """Return the directory of the processes whose metrics a registry has; None for a single one."""
    monitors = monitors_of(registry)
    if not monitors and registry is REGISTRY:
        # The default monitor will refuse a variable with a mistake, if the program uses it at all.
        with suppress(ConfigurationError):
            directory = from_environment().get("workers")
            return None if directory is None else Path(directory)
    workers = (monitor.workers for monitor in monitors)
    return next((one.directory.path for one in workers if one is not None), None)


def _note_server(directory: Path, port: int) -> None:
    # Imported here, because few services have several processes.
    from vitalspan.workers.served_port import note_server  # noqa: PLC0415

    note_server(directory, port)


def _standby(
    listen: Callable[[], MetricsServer],
    addr: str,
    port: int,
    config: Callable[[], WebConfig],
    directory: Path,
) -> MetricsServer:
    from vitalspan.serve.standby import StandbyServer  # noqa: PLC0415 - as above
    from vitalspan.workers.served_port import is_served  # noqa: PLC0415

    _log.info(
        "port %d is taken, by another worker of this service, which then serves for all, or by "
        "another program; this process takes it when it becomes free",
        port,
    )
    return StandbyServer(listen, addr, port, config, is_served=partial(is_served, directory, port))


def _default_max_connections() -> int:
    try:
        import resource  # noqa: PLC0415 - only systems with such limits have it
    except ImportError:
        return _MOST_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, min(_MOST_CONNECTIONS, files // _SHARE_OF_DESCRIPTORS))


def _ports(port: object) -> Sequence[int]:
    """Return the ports to try, in order."""
    ports: Sequence[object] = [port]
    if isinstance(port, str):
        first, dash, last = port.partition("-")
        if dash and first.isdecimal() and last.isdecimal():
            ports = range(int(first), int(last) + 1)
    elif isinstance(port, range):
        ports = port
    checked = [one for one in ports[:_MOST_PORTS] if type(one) is int and 0 <= one <= 65535]
    if not checked or len(checked) != len(ports):
        raise ConfigurationError(
            f"port={port!r:.80}: give a whole number from 0 to 65535, or up to {_MOST_PORTS} of "
            "them as '9464-9473'"
        )
    return checked
