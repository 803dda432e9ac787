"""YAML for people: blocks, in the order given, with a comment before it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

from vitalspan.errors import ConfigurationError, MissingExtraError

_ODD: Final = re.compile("[^\n -~\u00a0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML's readers do not agree on unless they are escaped."""


class Lines(str):
    """A text that is written on lines of its own."""

    __slots__ = ()


def document(content: dict[str, Any], comment: Iterable[str]) -> str:
    """Return a YAML document.

    Args:
        content: mappings, lists, texts and numbers.
        comment: lines that stand before it.

    Raises:
        ConfigurationError: for a text that is not of Unicode characters.
        MissingExtraError: if PyYAML is not installed.
    """
    try:
        import yaml  # noqa: PLC0415 - only rule files need it
    except ImportError:
        raise MissingExtraError("writing rules", "rules") from None

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002, ARG002
            super().increase_indent(flow, indentless=False)

    def written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
        style = "|" if isinstance(text, Lines) else None
        if _ODD.search(text):
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)

    Dumper.add_representer(str, written)
    Dumper.add_representer(Lines, written)
    _check(content)
    text = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=math.inf)
    return "".join(f"# {_shown(line)}".rstrip() + "\n" for line in comment) + "\n" + text


def _shown(line: str) -> str:
    """Return a line with what would end it, or not be seen, escaped."""
    return re.sub(f"{_ODD.pattern}|\n", lambda odd: json.dumps(odd.group())[1:-1], line)


def _check(content: dict[str, Any]) -> None:
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as refused:
        raise ConfigurationError(
            f"{refused.object[refused.start]!r} is in a text of the rules, but cannot be in a "
            "file: leave it out"
        ) from None
