"""The web configuration file that Prometheus and its exporters share.

Its format is that of Prometheus' exporter-toolkit: TLS, client certificates, users, headers and
a rate limit. What Python cannot do is refused by name, never ignored, with one exception: `http2`
is accepted with any value, and HTTP/1.1 is what is spoken.
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from vitalspan.errors import ConfigurationError, MissingExtraError, VitalspanError
from vitalspan.serve import rate_limit, tls
from vitalspan.serve.basic_auth import BasicAuth, build_basic_auth
from vitalspan.serve.fields import Report, Section, Stamp
from vitalspan.serve.rate_limit import RateLimit, build_rate_limit
from vitalspan.serve.tls import TLS, build_tls

if TYPE_CHECKING:
    import os

_SECTIONS: Final = ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
_HEADERS: Final[dict[str, tuple[str, ...]]] = {
    "Content-Security-Policy": (),
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
}
"""The headers that can be set, and their values where not everything goes."""

_KEPT: Final = "the previous web configuration stays in force until a restart or a better one"

_VISIBLE = re.compile(r"[\x20-\x7e]+")

_log = logging.getLogger(__name__)


class WebConfig(NamedTuple):
    """How a server behaves; without a file there is nothing of all this."""

    tls: TLS | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: BasicAuth | None = None
    rate_limit: RateLimit | None = None


def load_web_config(
    path: str | os.PathLike[str], stamps: dict[Path, Stamp] | None = None
) -> WebConfig:
    """Read a web configuration file and everything that it names.

    Args:
        path: the file; relative paths in it start at its directory.
        stamps: filled with the files that were read, to see later whether one has changed.

    Raises:
        ConfigurationError: if it cannot be used; the message lists all that is wrong.
        MissingExtraError: if PyYAML, or bcrypt where there are users, is not installed.
    """
    report = Report(Path(path), {} if stamps is None else stamps)
    root = Section(_parse(report), "", _SECTIONS, report)
    http = root.section("http_server_config", ("http2", "headers"))
    http.flag("http2", default=True)
    config = WebConfig(
        tls=build_tls(root.section("tls_server_config", tls.FIELDS)),
        headers=_headers(http.section("headers", _HEADERS)),
        users=build_basic_auth(root.section("basic_auth_users", None)),
        rate_limit=build_rate_limit(root.section("rate_limit", rate_limit.FIELDS)),
    )
    report.check()
    return config


class WebConfigFile:
    """A web configuration file that is read again when it, or a file it names, has changed.

    So certificates can be renewed while the server runs. A file that has become unusable, or
    that no longer asks for TLS or for passwords as it did at first, changes nothing and is
    logged: a half-written file must not open what was closed.

    Args:
        path: the file.

    Raises:
        ConfigurationError: if it cannot be used.
        MissingExtraError: if PyYAML, or bcrypt where there are users, is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()
        self._stamps: dict[Path, Stamp] = {}
        self._config = load_web_config(self._path, self._stamps)
        self._lock = threading.Lock()

    def current(self) -> WebConfig:
        """What the file says now."""
        with self._lock:
            if any(Stamp.of(path) != stamp for path, stamp in self._stamps.items()):
                self._reload()
            return self._config

    def _reload(self) -> None:
        stamps: dict[Path, Stamp] = {}
        try:
            fresh = load_web_config(self._path, stamps)
        except VitalspanError as error:
            _log.error("%s; %s", error, _KEPT)
        else:
            if (self._config.tls and not fresh.tls) or (self._config.users and not fresh.users):
                _log.error("%s: TLS or the users have gone; %s", self._path, _KEPT)
            else:
                self._config = fresh
        self._stamps = stamps


def _parse(report: Report) -> object:
    """What the YAML in the file says."""
    try:
        import yaml  # noqa: PLC0415 - only who has such a file needs it
    except ImportError:
        raise MissingExtraError("the web configuration file", "server") from None

    class Strict(yaml.SafeLoader):
        """Refuses a field that is given twice; PyYAML lets the last one win."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"{key.value} is given twice", key.start_mark
                    )
                seen.add(str(key.value))
            return super().construct_mapping(node, deep)

    try:
        return yaml.load(report.file.read_bytes(), Strict)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigurationError(f"{report.file}: cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        # The error's own text quotes the line, which may hold a key or a hash.
        line = error.problem_mark.line + 1 if error.problem_mark else "?"
        raise ConfigurationError(
            f"{report.file}: line {line}: not valid YAML: {error.problem}"
        ) from None
    except yaml.YAMLError:
        raise ConfigurationError(f"{report.file}: not a text file in UTF-8") from None
    except (ValueError, RecursionError):
        # A date such as 2025-99-99, or brackets without end.
        raise ConfigurationError(f"{report.file}: a value in it cannot be read") from None


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    headers = []
    for name in section:
        value = section.text(name)
        allowed = _HEADERS.get(name, ())
        if value is None:
            continue
        if allowed and value not in allowed:
            section.wrong(name, f"{value!r} is not {' or '.join(allowed)}")
        elif not _VISIBLE.fullmatch(value):
            section.wrong(name, "holds a character that cannot be part of a header")
        else:
            headers.append((name, value))
    return tuple(headers)
