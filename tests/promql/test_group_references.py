"""Replacements whose references to groups are filled in as Go does it."""

from __future__ import annotations

import re

import pytest

from vitalspan.promql.group_references import expand


@pytest.mark.parametrize(
    ("replacement", "text"),
    [
        ("$1-$2", "web-7"),
        ("${1}x", "webx"),
        ("${number}$name", "7"),
        ("$0", "web-7"),
        ("$1x", ""),
        ("$9", ""),
        ("$3", ""),
        ("$$1", "$1"),
        ("plain", "plain"),
    ],
)
def test_references(replacement: str, text: str) -> None:
    match = re.fullmatch(r"(\w+)-(?P<number>\d+)(x)?", "web-7")
    assert match is not None
    assert expand(replacement, match) == text
