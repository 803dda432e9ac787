"""Rules that come with vitalspan, each a rule file of its own."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

from vitalspan.errors import ConfigurationError
from vitalspan.rules.file.sources import parse
from vitalspan.rules.model import RuleSet

_SUFFIX: Final = ".yml"
_FOLDER: Final = files("vitalspan.rules") / "presets"


@lru_cache(maxsize=1)
def names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    found = (each.name for each in _FOLDER.iterdir())
    return tuple(sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX)))


@lru_cache(maxsize=16)
def load(name: str) -> RuleSet:
    """Return the rules of a preset.

    Raises:
        ConfigurationError: for a name that none has.
        MissingExtraError: if PyYAML is not installed.
    """
    return parse(text(name), f"{name}{_SUFFIX}")


def text(name: str) -> str:
    """Return a preset as it is written, comments included: something to start from.

    Raises:
        ConfigurationError: for a name that none has.
    """
    if name not in names():
        raise ConfigurationError(f"there is no preset {name!r}: there are {', '.join(names())}")
    return (_FOLDER / f"{name}{_SUFFIX}").read_text(encoding="utf-8")
