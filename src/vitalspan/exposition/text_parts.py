"""Labels in braces and exemplars in the text formats."""

from __future__ import annotations

from vitalspan.exposition.points import Exemplar
from vitalspan.exposition.text_numbers import number
from vitalspan.labels import label_text


def braces(*labels: str) -> str:
    """Return labels in braces as they follow a name; empty if there are none."""
    text = ",".join(filter(None, labels))
    return f"{{{text}}}" if text else ""


def exemplar_text(exemplar: Exemplar) -> str:
    """Return an exemplar as it follows the value of a sample."""
    labels = label_text(tuple(sorted(exemplar.labels.items())))
    time = "" if exemplar.timestamp is None else f" {exemplar.timestamp:.3f}"
    return f" # {{{labels}}} {number(exemplar.value)}{time}"
