"""Telling receivers about alerts, and acting on them."""

from vitalspan.notify.actions import Actions
from vitalspan.notify.alertmanager import Alertmanager
from vitalspan.notify.callback import Callback
from vitalspan.notify.chores import ActionRecord
from vitalspan.notify.dispatcher import Dispatcher
from vitalspan.notify.grouping import Notification
from vitalspan.notify.lane import ReceiverStatus
from vitalspan.notify.log import Log
from vitalspan.notify.receiver import Receiver
from vitalspan.notify.retry import Retry
from vitalspan.notify.webhook import Webhook

__all__ = [
    "ActionRecord",
    "Actions",
    "Alertmanager",
    "Callback",
    "Dispatcher",
    "Log",
    "Notification",
    "Receiver",
    "ReceiverStatus",
    "Retry",
    "Webhook",
]
