"""The table of one monitor's call sites: defines them, and keeps those of blocks for reuse."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import Final

from vitalspan.config import Settings
from vitalspan.labels import MAX_VALUE_LENGTH, declared, value_text
from vitalspan.recording.call_site import CallSite, add_site
from vitalspan.recording.options import NO_EXTRAS, OperationOptions, SpanExtras, options_words
from vitalspan.recording.recorder import Recorder, SiteCache, members
from vitalspan.recording.series import Series
from vitalspan.runtime.internal_errors import logger

MAX_BLOCK_SITES: Final = 4096
"""The maximum number of sites that `with` statements reuse; further ones are made for each call."""


class CallSiteTable:
    """The call sites, by the options of their operations.

    Args:
        recorder: the parts that all of them share.
        settings: the settings of the monitor.

    Attributes:
        component: the component of operations that name none.
        qualified_names: whether default names of functions include their modules.
        blocks: the sites of blocks, by options.
        blocks_by_words: the same sites by `block_words`, which is cheaper to make than options.
        unrecorded: the site of calls that are not recorded.
    """

    def __init__(self, recorder: Recorder, settings: Settings) -> None:
        self.recorder = recorder
        self._first_without_component: str | None = None
        self.component = value_text(settings.component)
        self.configure(settings)
        self.blocks: dict[OperationOptions, CallSite] = {}
        self.blocks_by_words: dict[object, CallSite] = {}
        self.unrecorded = CallSite(recorder, Series("", "", ()), OperationOptions(resources=False))
        self._code_names: weakref.WeakKeyDictionary[Series, str] = weakref.WeakKeyDictionary()

    def configure(self, settings: Settings) -> None:
        """Apply the settings to what is defined from now on."""
        component = value_text(settings.component)
        if self._first_without_component is not None and component != self.component:
            logger.warning(
                "%s and whatever else was defined before component=%r was set stay in the "
                "component %s: call configure() before their modules are imported, or set "
                "VITALSPAN_COMPONENT",
                self._first_without_component,
                component,
                self.component,
            )
            self._first_without_component = None
        self.component = component
        self.qualified_names = settings.qualified_names

    def add(
        self,
        options: OperationOptions,
        extras: SpanExtras = NO_EXTRAS,
        code_name: str | None = None,
    ) -> CallSite:
        """Add a call site for an operation, whose name is in the options."""
        recorder = self.recorder
        name = value_text(options.name)
        component = options.component
        if component is None:
            component = self.component
            self._first_without_component = self._first_without_component or name
        if options.buckets is not None:
            recorder.declare_buckets(component, name, options.buckets)
        return add_site(
            recorder,
            lambda: recorder.series_table.get(component, name, options.labels),
            lambda series: CallSite(recorder, series, options, extras, code_name),
        )

    def add_function(
        self, options: OperationOptions, name: str, extras: SpanExtras, code_name: str
    ) -> CallSite:
        """Add the call site of a function.

        Args:
            options: the options of the operation.
            name: the qualified name of the function, which is the default name of the operation.
            extras: the attributes and links of the spans.
            code_name: the qualified name with the module.
        """
        if options.name is not None:
            return self.add(options, extras, code_name)
        options = options._replace(name=code_name if self.qualified_names else name)
        site = self.add(options, extras, code_name)
        first = self._code_names.setdefault(site.series, code_name)
        if first != code_name and not self.recorder.series_table.is_overflow(site.series):
            # Once for each name: the message for the next function of this name mentions the last
            # one.
            self._code_names[site.series] = code_name
            logger.warning(
                "%s and %s are both recorded as the operation %s: give one of them another "
                "name, or set qualified_names=True",
                first,
                code_name,
                site.series.operation,
            )
        return site

    def block(self, options: OperationOptions) -> CallSite:
        """Return the site of a block, which later blocks with the same options will share.

        Raises:
            TypeError: without a name, with a label from an argument, and with `error_results`.
        """
        site = self.blocks.get(options)
        if site is not None:
            return site
        if options.name is None:
            raise TypeError("operation() in a with statement needs a name: operation('parse')")
        if options.argument_labels:
            raise TypeError(
                "a block has no arguments to take labels from: give the value of the label itself"
            )
        if options.error_results is not None:
            raise TypeError(
                "error_results= is for functions, because a block returns nothing: call "
                "call.fail() in the block"
            )
        site = self.add(options)
        full = len(self.blocks) >= MAX_BLOCK_SITES or self.recorder.series_table.is_overflow(
            site.series
        )
        if not full and len(options.name) <= MAX_VALUE_LENGTH:
            self.blocks[options] = site
            words = options_words(options)
            if words is not None:
                self.blocks_by_words[words] = site
        return site

    def forget(
        self,
        operation: str,
        component: str | None = None,
        labels: Mapping[str, object] | None = None,
    ) -> list[Series]:
        """Forget series, and return them."""
        label_pairs = declared(labels) if labels is not None else None
        # Ended calls are counted first, in the series with their final labels.
        self.recorder.all_series()
        return self.recorder.series_table.forget(
            value_text(operation),
            None if component is None else value_text(component),
            label_pairs,
            self._in_use,
        )

    def _in_use(self, forgotten: list[Series]) -> set[int]:
        """Drop the call sites that are only kept for reuse; return the `id` of the series in use.

        The remaining ones belong to functions, blocks that are kept or calls in progress.
        """
        gone = set(map(id, forgotten))
        # No variable holds a site here, which would keep it alive.
        for options in list(self.blocks):
            if id(self.blocks[options].series) in gone:
                self.blocks_by_words.pop(options_words(options), None)
                del self.blocks[options]
        # All of them, because those without room for their own series may get one now.
        _clear(members(self.recorder.site_caches))
        self.recorder.aggregator.recent.release_sites(gone)
        return {id(site.series) for site in members(self.recorder.sites)}


def _clear(caches: list[SiteCache]) -> None:
    for cache in caches:
        cache.clear()
