"""The faults of a store."""

from __future__ import annotations

from vitalspan.errors import VitalspanError


class StoreError(VitalspanError):
    """A store that cannot be opened, read or written now; the message says why."""


class NewerStoreError(StoreError):
    """A store whose tables a newer version of vitalspan has made."""


class StoreInUseError(StoreError):
    """A store that another process writes to."""
