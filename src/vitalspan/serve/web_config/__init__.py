"""Internal: the web configuration file, as Prometheus and its exporters have it.

The format is that of Prometheus' exporter-toolkit: TLS, client certificates, users, headers and a
rate limit. Options that Python cannot honour are refused by name and never ignored, with one
exception: `http2` may be true or false, and the server speaks HTTP/1.1 either way.
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from vitalspan.configfile.load import load_document
from vitalspan.configfile.report import Report
from vitalspan.configfile.stamp import FileStamps
from vitalspan.errors import VitalspanError
from vitalspan.serve.web_config import rate_limit, tls
from vitalspan.serve.web_config.basic_auth import BasicAuth, build_basic_auth
from vitalspan.serve.web_config.rate_limit import RateLimit, build_rate_limit
from vitalspan.serve.web_config.section import Section
from vitalspan.serve.web_config.tls import TLS, build_tls
from vitalspan.words import listed, shown

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
"""The headers that can be set, with their allowed values if there is a list of them."""

_KEPT: Final = "the previous web configuration stays in force until the file is corrected"

_VISIBLE = re.compile(r"[\x20-\x7e]+")

_log = logging.getLogger(__name__)


class WebConfig(NamedTuple):
    """The contents of a web configuration file; everything is optional."""

    tls: TLS | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: BasicAuth | None = None
    rate_limit: RateLimit | None = None


def load_web_config(path: str | os.PathLike[str], stamps: FileStamps | None = None) -> WebConfig:
    """Read a web configuration file and all files that it names.

    Args:
        path: the file; relative paths in it are relative to its directory.
        stamps: collects the files that are read, to notice later when one has changed.

    Raises:
        ConfigFileError: if it cannot be used; the error lists all mistakes in it.
        MissingExtraError: if PyYAML, or bcrypt where there are users, is not installed.
    """
    path = Path(path)
    stamps = FileStamps() if stamps is None else stamps
    stamps.add(path)
    # The file may contain keys, and contains the hashes of passwords.
    report = Report(str(path), secret=True)
    document = load_document(path, report, "web configuration file", "server")
    root = Section(document, _SECTIONS, report, path.parent, stamps)
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
    """A web configuration file that is read again when it or a file that it names has changed.

    So certificates can be renewed while the server runs. If the file can no longer be used, or no
    longer asks for TLS or passwords although it did before, an error is logged and nothing changes:
    a half-written file must not open a server to everyone.

    Args:
        path: the file.

    Raises:
        ConfigFileError: if it cannot be used; the error lists all mistakes in it.
        MissingExtraError: if PyYAML, or bcrypt where there are users, is not installed.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()
        self._stamps = FileStamps()
        self._config = load_web_config(self._path, self._stamps)
        self._lock = threading.Lock()

    def current(self) -> WebConfig:
        """Return the current configuration of the file."""
        with self._lock:
            if self._stamps.changed():
                self._reload()
            return self._config

    def _reload(self) -> None:
        stamps = FileStamps()
        try:
            fresh = load_web_config(self._path, stamps)
        except VitalspanError as error:
            _log.error("%s; %s", error, _KEPT)
        else:
            if (self._config.tls and not fresh.tls) or (self._config.users and not fresh.users):
                _log.error("%s: TLS or the users were removed; %s", self._path, _KEPT)
            else:
                self._config = fresh
        self._stamps = stamps


def _headers(section: Section) -> tuple[tuple[str, str], ...]:
    headers = []
    for name, _, _ in section:
        value = section.text(name, "the value of a header")
        allowed = _HEADERS.get(name, ())
        if value is None:
            continue
        if allowed and value not in allowed:
            section.refuse(name, f"cannot be {shown(value)}: use {listed(allowed, 'or')}")
        elif not _VISIBLE.fullmatch(value):
            section.refuse(name, "has a character that no header can have: leave it out")
        else:
            headers.append((name, value))
    return tuple(headers)
