"""Imports the SLO files of all known tools."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vitalspan.artifacts.yaml_writer import document as yaml_document
from vitalspan.configfile.fields import Fields
from vitalspan.configfile.load import load_documents
from vitalspan.configfile.nodes import Entries, Items, Node, is_nothing
from vitalspan.configfile.report import Report
from vitalspan.importers import openslo, sloth
from vitalspan.importers.imported_slos import ImportedSlos
from vitalspan.importers.openslo_indicator import Objects
from vitalspan.words import listed, shown

_KIND: Final = ("SLO file", "promql")
_KNOWN: Final = (
    f"use version: {sloth.VERSION} of sloth, or apiVersion: {openslo.VERSION} of OpenSLO"
)


def import_slos(paths: Iterable[str | Path]) -> ImportedSlos:
    """Return the SLOs in files of sloth and OpenSLO, and what could not be imported.

    Args:
        paths: the files. An SLO may refer to objects in any of them.

    Raises:
        ConfigFileError: for a file that cannot be read, or that belongs to neither tool.
        MissingExtraError: if PyYAML or promql-parser is not installed.
    """
    imported, objects = ImportedSlos(), Objects()
    documents = [each for path in paths for each in _documents(path)]
    for _, document in documents:
        objects.add(document)
    for report, document in documents:
        if _version(document) == openslo.VERSION:
            openslo.import_openslo(document, objects, imported, report)
        else:
            sloth.import_sloth(document, imported, report)
        report.check()
    return imported


def slos_section(imported: ImportedSlos, paths: Iterable[str | Path]) -> str:
    """Return a rule file with the imported SLOs.

    Raises:
        ConfigurationError: for a text that is not valid Unicode.
        MissingExtraError: if PyYAML is not installed.
    """
    names = listed([Path(path).name for path in paths])
    return yaml_document(
        {"slos": imported.slos},
        [
            f"The SLOs of {names}. Their counters have to be in the registry of the process, with",
            "these labels. The process does not know the labels that Prometheus adds.",
        ],
    )


def _documents(path: str | Path) -> Iterator[tuple[Report, Node]]:
    """Yield the documents of a file, and the documents that they list."""
    report = Report(str(path))
    for document in load_documents(path, report, *_KIND):
        for each in document.items if isinstance(document, Items) else (document,):
            if is_nothing(each):
                continue
            if _version(each) not in (sloth.VERSION, sloth.KUBERNETES_VERSION, openslo.VERSION):
                report.wrong(each.place, f"{_format_of(each)} cannot be imported: {_KNOWN}")
            else:
                yield report, each
    report.check()


def _version(document: Node) -> str | None:
    if not isinstance(document, Entries):
        return None
    fields = Fields(document, None, Report(""), usable="an object")
    return fields.text("apiVersion", "a version") or fields.text("version", "a version")


def _format_of(document: Node) -> str:
    version = _version(document)
    return "a document without a version" if version is None else shown(version)
