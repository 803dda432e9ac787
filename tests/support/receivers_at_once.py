"""Receivers whose groups wait for nothing and whose alerts have no labels of the process.

Each change is a message of its own, with the labels that a test has given.
"""

from __future__ import annotations

from functools import partial

from vitalspan import notify

NO_LABELS = {"job": "", "instance": ""}

Callback = partial(notify.Callback, group_wait=0, group_interval=0)
Log = partial(notify.Log, group_wait=0, group_interval=0)
Webhook = partial(notify.Webhook, group_wait=0, group_interval=0, external_labels=NO_LABELS)
Alertmanager = partial(notify.Alertmanager, external_labels=NO_LABELS)
