"""The exceptions of vitalspan, raised at definition or set-up and never by a recorded call."""

from __future__ import annotations

__all__ = ["ConfigurationError", "MissingExtraError", "VitalspanError"]


class VitalspanError(Exception):
    """The base class of all exceptions that vitalspan raises."""


class ConfigurationError(VitalspanError, ValueError):
    """A name, option, file or environment variable is invalid; the message says which one."""


class MissingExtraError(VitalspanError, ImportError):
    """An optional dependency is not installed; the message has the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs packages that are not installed: run  pip install 'vitalspan[{extra}]'"
        )
        self.extra = extra
