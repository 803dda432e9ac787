"""A writer of YAML for people: in block style, in the given order, with a comment at the top."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final

from vitalspan.errors import ConfigurationError, MissingExtraError

_ODD: Final = re.compile("[^\n -~\u00a0-\u2027\u202a-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Characters that YAML readers treat differently unless they are escaped."""


class BlockText(str):
    """A text that is written as a block of lines."""

    __slots__ = ()


def document(content: dict[str, Any], comment: Iterable[str]) -> str:
    """Return a YAML document.

    Args:
        content: mappings, lists, strings and numbers.
        comment: the lines of the comment at the top.

    Raises:
        ConfigurationError: for a string that is not valid Unicode.
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
        style = "|" if isinstance(text, BlockText) else None
        if _ODD.search(text):
            style = '"'
        return dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style=style)

    Dumper.add_representer(str, written)
    Dumper.add_representer(BlockText, written)
    _check(content)
    text = yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=math.inf)
    return "".join(f"# {_quoted_line(line)}".rstrip() + "\n" for line in comment) + "\n" + text


def _quoted_line(line: str) -> str:
    """Return a line with line breaks and invisible characters escaped."""
    return re.sub(f"{_ODD.pattern}|\n", lambda odd: json.dumps(odd.group())[1:-1], line)


def _check(content: dict[str, Any]) -> None:
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError as refused:
        raise ConfigurationError(
            f"{refused.object[refused.start]!r} is in a text of the rules, but cannot be written "
            "to a file: remove it"
        ) from None
