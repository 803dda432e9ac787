"""Documents as JSON, and their JSON Schema, both made from the same dataclasses."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeGuard, get_args, get_origin, get_type_hints

from vitalspan.reports.json_ready import json_ready
from vitalspan.runtime.pace import pause_if_due

Schema = dict[str, Any]

_PRIMITIVES: Final[dict[type, Schema]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
}

_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def dump(document: object) -> bytes:
    """Return a document as JSON. Numbers that JSON does not have, such as infinity, become null."""
    # A name may have a lone surrogate, which no encoding can represent.
    return "".join(_written(plain(document))).encode("utf-8", "replace") + b"\n"


def _written(document: Any) -> Iterator[str]:
    """Yield JSON in pieces, since other threads have to wait while one is encoded."""
    if isinstance(document, list):
        opening, closing = "[", "]"
        parts: Iterator[tuple[str, ...]] = ((_encode(one),) for one in document)
    elif isinstance(document, dict):
        opening, closing = "{", "}"
        parts = ((f"{_encode(key)}:", *_written(one)) for key, one in document.items())
    else:
        yield _encode(document)
        return
    for part in parts:
        pause_if_due()
        yield opening
        yield from part
        opening = ","
    yield closing if opening == "," else opening + closing


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def plain(value: Any) -> Any:
    """Return a value as JSON has it: dictionaries, lists, text, finite numbers and None."""
    kind = type(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or kind in _PRIMITIVES:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if _is_record(kind):
        pause_if_due()
        return {name: plain(getattr(value, name)) for name in _members(kind)}
    is_list = isinstance(value, (Sequence, set, frozenset))
    if is_list and not isinstance(value, (str, bytes, bytearray)):
        return [plain(one) for one in value]
    return json_ready(value)


class Schemas:
    """JSON Schemas of documents, each dataclass once, by its name.

    Attributes:
        components: the schemas of dataclasses so far.
    """

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}

    def of(self, kind: Any) -> Schema:
        """Return the schema of a type; that of a dataclass is a reference."""
        if kind in _PRIMITIVES:
            return dict(_PRIMITIVES[kind])
        if _is_record(kind):
            return self._reference(kind)
        return self._composed(kind, get_origin(kind), get_args(kind))

    def _composed(self, kind: Any, origin: Any, arguments: tuple[Any, ...]) -> Schema:
        """Return the schema of a type that is made of others."""
        if kind is type(None):
            return {"type": "null"}
        if origin is Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin in (typing.Union, types.UnionType):
            return {"anyOf": [self.of(one) for one in arguments]}
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if origin in (tuple, list):
            return {"type": "array", "items": self.of(arguments[0])}
        if kind is not Any:
            raise TypeError(f"{kind!r} has no JSON schema")
        return {}

    def _reference(self, kind: type) -> Schema:
        name = kind.__name__
        if name not in self.components:
            self.components[name] = {}
            self.components[name] = self._described(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def _described(self, kind: type) -> Schema:
        members, texts = _members(kind), dict(_attribute_texts(kind))
        properties = {}
        for name, hint in members.items():
            schema = self.of(hint)
            text = texts.get(name)
            properties[name] = {**schema, "description": text} if text else schema
        return {
            "type": "object",
            "description": (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " "),
            "properties": properties,
            "required": list(members),
            "additionalProperties": False,
        }


def _is_record(kind: object) -> TypeGuard[type]:
    """Return whether a type is a dataclass or a named tuple."""
    return isinstance(kind, type) and (
        dataclasses.is_dataclass(kind) or (issubclass(kind, tuple) and hasattr(kind, "_fields"))
    )


_known_members: dict[type, dict[str, Any]] = {}


def _members(kind: type) -> dict[str, Any]:
    """Return the fields that are shown of a dataclass, and its properties, with their types."""
    members = _known_members.get(kind)
    if members is None:
        members = _known_members[kind] = _find_members(kind)
    return members


def _find_members(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    if not dataclasses.is_dataclass(kind):
        return hints
    members = {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.repr}
    for name, member in inspect.getmembers(kind, lambda one: isinstance(one, property)):
        if not name.startswith("_"):
            members[name] = get_type_hints(member.fget)["return"]
    return members


def _attribute_texts(kind: type) -> Iterator[tuple[str, str]]:
    """Yield the descriptions in the docstrings of a dataclass and its bases, and of properties."""
    for base in reversed(kind.__mro__):
        _, _, attributes = inspect.cleandoc(base.__doc__ or "").partition("Attributes:\n")
        for match in _ATTRIBUTE.finditer(attributes):
            yield match[1], " ".join(match[2].split())
    for name, member in inspect.getmembers(kind, lambda one: isinstance(one, property)):
        yield name, " ".join((inspect.getdoc(member) or "").split())
