"""The public API as a list: every public name, with the public members of classes.

`PYTHONPATH=src:tests python -m support.public_api > tests/public_api.txt` writes the list again.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any, Final

MODULES: Final = (
    *("vitalspan", "vitalspan.errors", "vitalspan.jobs"),
    *("vitalspan.memory", "vitalspan.notify", "vitalspan.integrations"),
    *("vitalspan.compat", "vitalspan.compat.performance_monitor"),
    "vitalspan.compat.performance_monitor.fastapi",
    "vitalspan.compat.performance_integration_service",
    *(
        f"vitalspan.integrations.{name}"
        for name in (
            "aiohttp",
            "aiohttp_client",
            "asgi",
            "asyncio",
            "celery",
            "django",
            "dramatiq",
            "executor",
            "fastapi",
            "flask",
            "httpx",
            "litestar",
            "logging",
            "requests",
            "rq",
            "starlette",
            "taskiq",
            "wsgi",
        )
    ),
)


def public_api() -> str:
    """Return the list, a name on each line."""
    lines: list[str] = []
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            lines += _described(f"{module.__name__}.{name}", getattr(module, name))
    return "\n".join(lines) + "\n"


def _described(name: str, member: Any) -> Iterator[str]:
    if inspect.isclass(member):
        yield name + _parameters(_constructor(member))
        for attribute in sorted(_public_members(member)):
            # A member that is only annotated is an attribute of each instance.
            found = inspect.getattr_static(member, attribute, None)
            function = getattr(found, "__func__", found)
            # A method is bound, which removes `self`.
            bound = function.__get__(0) if inspect.isfunction(function) else None
            yield f"{name}.{attribute}{_parameters(bound)}"
    else:
        yield name + _parameters(member if callable(member) else None)


def _constructor(kind: type) -> Any:
    """Return a class if its docstring documents its arguments; otherwise None."""
    return kind if "Args:" in (kind.__doc__ or "") else None


def _public_members(kind: type) -> set[str]:
    return {name for name in _members(kind) if not name.startswith("_")}


def _members(kind: type) -> set[str]:
    """Return the members of a class and of our own base classes."""
    ours = [one for one in kind.__mro__ if one.__module__.startswith("vitalspan")]
    return {name for one in ours for name in (*vars(one), *inspect.get_annotations(one))}


def _parameters(member: Any) -> str:
    """Return the parameters without their types and values, which docs/ describes."""
    if member is None:
        return ""
    signature = inspect.signature(member)
    bare = [
        one.replace(annotation=one.empty, default=one.empty if one.default is one.empty else ...)
        for one in signature.parameters.values()
    ]
    text = str(signature.replace(parameters=bare, return_annotation=signature.empty))
    return text.replace("Ellipsis", "...")


if __name__ == "__main__":
    sys.stdout.write(public_api())
