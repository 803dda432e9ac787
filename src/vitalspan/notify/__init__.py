"""Receivers of alerts, and the messages that they are sent."""

from vitalspan.notify import bodies
from vitalspan.notify.actions import Actions
from vitalspan.notify.actions.action_queue import ActionRecord
from vitalspan.notify.delivery import ReceiverStatus
from vitalspan.notify.notifier import Dispatcher
from vitalspan.notify.plans.grouped import Notification
from vitalspan.notify.receiver import Receiver
from vitalspan.notify.receivers.alertmanager import Alertmanager
from vitalspan.notify.receivers.callback import Callback
from vitalspan.notify.receivers.log import Log
from vitalspan.notify.receivers.webhook import Webhook
from vitalspan.notify.retry import Retry

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
    "bodies",
]
