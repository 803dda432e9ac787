"""The paths at which an application serves its metrics, its probes and its page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vitalspan.errors import ConfigurationError
from vitalspan.serve.page import redirect_into
from vitalspan.serve.probes import PROBES
from vitalspan.serve.routes import respond

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from vitalspan.serve.messages import Request, Response


class EndpointPaths:
    """What an application serves of a registry, and at which paths.

    Args:
        metrics_path: the path of the metrics; None for no metrics.
        probes_path: the path that the probes are below; None puts them below the metrics.
        page_path: the path of the live page and everything below it; None for no page.

    Raises:
        ConfigurationError: for an invalid path.

    Attributes:
        metrics: all paths of metrics and probes, with and without a trailing slash.
        page: the path of the page, without a trailing slash; empty if there is no page.
    """

    def __init__(
        self,
        metrics_path: str | None = None,
        probes_path: str | None = None,
        page_path: str | None = None,
    ) -> None:
        metrics_path = _checked_path("metrics_path", metrics_path)
        self.metrics: frozenset[str] = frozenset()
        self._add(metrics_path, ("",))
        self._add(_checked_path("probes_path", probes_path, metrics_path), PROBES)
        self.page = (_checked_path("page_path", page_path) or "").rstrip("/")
        if page_path is not None and (not self.page or self.page in self.metrics):
            raise ConfigurationError(
                f"page_path={page_path!r:.80}: use a path that nothing else uses, such as "
                "'/vitalspan'"
            )
        self._below_page = f"{self.page}/"

    def _add(self, path: str | None, ends: Iterable[str]) -> None:
        if path is not None:
            bare = path.rstrip("/")
            self.metrics |= {f"{bare}{end}{slash}" for end in ends for slash in ("", "/")} - {""}

    def has_page(self, path: str) -> bool:
        """Return whether a path belongs to the page."""
        page = self.page
        return bool(page) and (path == page or path.startswith(self._below_page))

    def shows(self, path: str) -> bool:
        """Return whether anything is served at a path."""
        return path in self.metrics or self.has_page(path)

    def respond(self, request: Request, registry: Collector) -> Response:
        """Return the response to a request for one of the paths."""
        if not self.has_page(request.path):
            return respond(request, registry, any_path=True)
        below = request.path[len(self.page) :]
        if not below:
            return redirect_into(self.page).to(request)
        return respond(request._replace(path=below), registry, any_path=False)


def _checked_path(name: str, path: str | None, default: str | None = None) -> str | None:
    if path is None:
        return default
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigurationError(
            f"{name}={path!r:.80}: use a path that begins with a slash, such as '/metrics'"
        )
    return path
