"""The options of an operation, checked once and passed on as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypedDict

from opentelemetry.trace import Link, SpanContext, SpanKind

from vitalspan.bucket_boundaries import check_boundaries
from vitalspan.errors import ConfigurationError
from vitalspan.labels import Labels, declared, value_text
from vitalspan.recording.argument_labels import Argument
from vitalspan.words import suggestion

ErrorFilter = type[BaseException] | tuple[type[BaseException], ...] | Callable[[Any], bool]
"""Which exceptions are errors: those of some types, or those for which a function returns True."""

ResultFilter = Callable[[Any], bool]
"""Returns whether a call with this result has failed."""

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
"""The types of options that can be part of a key."""

_COMMON: Final = frozenset({"component", "slow", "resources", "labels"})
"""The options that most blocks have."""

_KINDS: Final = {kind.name.lower(): kind for kind in SpanKind}


class OperationArguments(TypedDict, total=False):
    """The options of `operation` besides the name, as described in `Monitor.operation`."""

    component: str | None
    labels: Mapping[str, object] | None
    attributes: Mapping[str, Any] | None
    slow: float | None
    resources: bool | None
    buckets: Sequence[float] | None
    kind: SpanKind | str | None
    links: Sequence[Link | SpanContext]
    errors: ErrorFilter | None
    error_results: ResultFilter | None
    enabled: bool


class SpanExtras(NamedTuple):
    """Attributes and links of an operation's spans; for blocks they may differ each time."""

    attributes: Mapping[str, Any] = {}
    links: Sequence[Link | SpanContext] = ()


NO_EXTRAS: Final = SpanExtras()


class OperationOptions(NamedTuple):
    """The options that all calls of an operation share.

    Attributes:
        name: the name; None is the qualified name of the decorated function.
        component: the part of the service; None is the monitor's.
        labels: the labels of the series.
        argument_labels: the labels that are made from the arguments of each call.
        slow: seconds; longer calls are kept in the slow calls.
        resources: whether memory and CPU time are measured; None if that is cheap.
        kind: the kind of the spans; None is internal.
        errors: which exceptions are errors; None is all of them.
        error_results: returns whether a result is an error; None if none is.
        buckets: the upper bounds in seconds of the buckets for durations; None for those of the
            monitor.
    """

    name: str | None = None
    component: str | None = None
    labels: Labels = ()
    argument_labels: tuple[tuple[str, Argument], ...] = ()
    slow: float | None = None
    resources: bool | None = None
    kind: SpanKind | None = None
    errors: ErrorFilter | None = None
    error_results: ResultFilter | None = None
    buckets: tuple[float, ...] | None = None


def check_options(
    name: str | None,
    /,
    *,
    component: str | None = None,
    labels: Mapping[str, object] | None = None,
    slow: float | None = None,
    resources: bool | None = None,
    kind: SpanKind | str | None = None,
    errors: ErrorFilter | None = None,
    error_results: ResultFilter | None = None,
    buckets: Sequence[float] | None = None,
    **unknown: Any,
) -> OperationOptions:
    """Return the options of an operation.

    Raises:
        ConfigurationError: for an invalid value.
        TypeError: for an unknown option.
    """
    if unknown:
        raise _unknown(next(iter(unknown)))
    if slow is not None and not (isinstance(slow, (int, float)) and slow >= 0):
        raise ConfigurationError(f"slow={slow!r:.80}: use seconds from 0 up, or None")
    if resources is not None and not isinstance(resources, bool):
        raise ConfigurationError(f"resources={resources!r:.80}: use True, False or None")
    if error_results is not None and not callable(error_results):
        raise ConfigurationError(
            f"error_results={error_results!r:.80}: use a function that takes the returned value"
        )
    if errors is not None:
        _check_errors(errors)
    from_arguments: tuple[tuple[str, Argument], ...] = ()
    # Nearly no block has any, and blocks come here each time they run.
    if labels and isinstance(labels, Mapping) and Argument in map(type, labels.values()):
        from_arguments = tuple(
            (label, value) for label, value in labels.items() if isinstance(value, Argument)
        )
        # Their names are checked together with those of the other labels.
        declared({**dict.fromkeys(dict(from_arguments), "x")})
        labels = {label: one for label, one in labels.items() if not isinstance(one, Argument)}
    return OperationOptions(
        name,
        None if component is None else value_text(component),
        declared(labels),
        from_arguments,
        slow,
        resources,
        None if kind is None else _kind(kind),
        errors,
        error_results,
        None if buckets is None else check_boundaries(buckets),
    )


def block_words(name: str, options: OperationArguments) -> object:
    """Return a key for a block that only has the most common options.

    Returns:
        A key, or None if there are other options.

    Raises:
        ConfigurationError: for invalid labels.
    """
    # Blocks come here each time they run, so types are compared, which is fastest.
    if not options.keys() <= _COMMON:
        return None
    labels = options.get("labels")
    if len(options) == 1 and labels is not None:
        return name, declared(labels)
    component, slow = options.get("component"), options.get("slow")
    resources = options.get("resources")
    if type(component) not in _PLAIN or type(slow) not in _PLAIN or type(resources) not in _PLAIN:
        return None
    return name, declared(labels), component, slow, resources


def options_words(options: OperationOptions) -> object:
    """Return the key that `block_words` returns for these options, or None."""
    common = options._replace(
        argument_labels=(), kind=None, errors=None, error_results=None, buckets=None
    )
    if options != common:
        return None
    name, component, labels, _, slow, resources = options[:6]
    if (component, slow, resources) != (None, None, None):
        return name, labels, component, slow, resources
    return (name, labels) if labels else name


def _kind(kind: object) -> SpanKind:
    if isinstance(kind, SpanKind):
        return kind
    span_kind = _KINDS.get(kind) if isinstance(kind, str) else None
    if span_kind is None:
        raise ConfigurationError(f"kind={kind!r:.80}: use one of {', '.join(_KINDS)}")
    return span_kind


def _check_errors(errors: object) -> None:
    kinds = errors if isinstance(errors, tuple) else (errors,)
    exceptions = [isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds]
    if all(exceptions) or (callable(errors) and not isinstance(errors, type)):
        return
    raise ConfigurationError(
        f"errors={errors!r:.80}: use exception types, or a function that takes an exception and "
        "returns whether it is an error"
    )


def _unknown(option: str) -> TypeError:
    if option == "name":
        return TypeError("operation() has no option 'name': the name is its first argument")
    options = [*OperationArguments.__annotations__]
    return TypeError(f"operation() has no option {option!r}: {suggestion(option, options)}")
