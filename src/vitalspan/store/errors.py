"""The errors of stores."""

from __future__ import annotations

from vitalspan.errors import VitalspanError


class StoreError(VitalspanError):
    """A store that cannot be opened, read or written now; the message says why."""


class NewerStoreError(StoreError):
    """A store whose tables were made by a newer version of vitalspan."""


class StoreInUseError(StoreError):
    """A store that another process is writing to."""
