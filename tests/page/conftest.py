"""The browser for tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.browser import chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, until the last test of a module."""
    with chromium() as it:
        yield it
