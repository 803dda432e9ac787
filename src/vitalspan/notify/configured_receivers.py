"""The receivers that settings name by their URLs: an Alertmanager and a webhook."""

from __future__ import annotations

from typing import Any

from vitalspan.config import Settings
from vitalspan.notify.notifier import Dispatcher
from vitalspan.notify.receiver import Receiver
from vitalspan.notify.receivers.alertmanager import Alertmanager
from vitalspan.notify.receivers.webhook import Webhook


class ConfiguredReceivers:
    """Keeps the receivers of the settings up to date in a dispatcher.

    Args:
        dispatcher: the dispatcher, which may have other receivers.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._receivers: list[Receiver] = []
        self._addresses: tuple[Any, ...] = ("", "")

    def prepare(self, settings: Settings) -> list[Receiver]:
        """Return the receivers of some settings: the same objects if their URLs have not changed.

        Raises:
            ConfigurationError: for an invalid URL.
        """
        if _addresses(settings) == self._addresses:
            return self._receivers
        urls = [url.strip() for url in settings.alertmanager.split(",") if url.strip()]
        receivers: list[Receiver] = [Alertmanager(*urls)] if urls else []
        if settings.webhook:
            receivers.append(
                Webhook(
                    settings.webhook,
                    group_wait=settings.group_wait,
                    group_interval=settings.group_interval,
                )
            )
        return receivers

    def use(self, receivers: list[Receiver], settings: Settings) -> None:
        """Replace the previous receivers by those that `prepare` has returned for these settings.

        Receivers that stay keep the record of their messages.
        """
        if receivers is not self._receivers:
            for receiver in self._receivers:
                self._dispatcher.remove(receiver)
            for receiver in receivers:
                self._dispatcher.add(receiver)
        self._receivers, self._addresses = receivers, _addresses(settings)


def _addresses(settings: Settings) -> tuple[Any, ...]:
    addresses: tuple[Any, ...] = (settings.alertmanager, settings.webhook)
    if settings.webhook:
        addresses += (settings.group_wait, settings.group_interval)
    return addresses
