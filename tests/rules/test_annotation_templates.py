"""Templates of annotations: filled in here as Prometheus fills them in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.promtool import promtool
from vitalspan.rules.annotation_templates import check, fill, labels_of

UNDERSTOOD = [
    "no template at all, } { %d",
    "{{ $value }}",
    "{{$value}}",
    "{{ .Value }}",
    "{{ $value\n| humanize }}",
    "{{ $value | humanize }}",
    "{{ humanize $value }}",
    "{{ $value | humanize1024 }}B",
    "{{ $value | humanizeDuration }}",
    "{{ $value | humanizePercentage }}",
    "{{ $value | humanize | toUpper }}",
    '{{ printf "%.2f" $value }}',
    '{{ $value | printf "%.3g s" }}',
    '{{ $value | printf "%f%%" }}',
    '{{ $value | printf "%g" }}',
    '{{ $value | printf "%5.1f|" }}',
    '{{ $value | printf "%10g|" }}',
    '{{ $value | printf "%.1e" }}',
    '{{ $value | printf "%v" }}',
    '{{ $value | humanize | printf "%s of it" }}',
    "{{ $labels.i }}, {{ .Labels.i }}, {{ $labels.nothing }}.",
    "{{ $labels.i | toUpper }} {{ toLower $labels.i }}",
    '{{ $labels.i | printf "%v" }} {{ printf "<%s>" $labels.nothing }}',
    "{{ $labels.i }}{{ $value }}}}",
]

VALUES = [
    *("0", "0.5", "0.00001234", "0.0001", "0.00009", "1", "5", "12345", "123456", "1234567"),
    *("1000000", "123456789.5", "1e15", "-3.25", "0.1", "59.9", "60", "61", "3661", "90061"),
    *("-75", "-0.25", "0.0042", "1e-9", "-1e-9", "NaN", "+Inf", "-Inf", "999.96", "9999.6"),
    *("1000", "1023", "1024", "1025", "1500", "86400", "3600", "119.99"),
]


def test_prometheus_fills_in_the_same(tmp_path: Path) -> None:
    annotations = {f"a{number}": text for number, text in enumerate(UNDERSTOOD)}
    rule = {"alert": "A", "expr": "x == x or x != x", "annotations": annotations}
    write(tmp_path / "rules.yml", {"groups": [{"name": "g", "rules": [rule]}]})
    expected = []
    for number, value in enumerate(VALUES):
        labels = {"i": f"Label {number}"}
        filled = {name: fill(text, float(value), labels) for name, text in annotations.items()}
        expected.append({"exp_labels": labels, "exp_annotations": filled})
    series = [
        {"series": f'x{{i="Label {number}"}}', "values": value}
        for number, value in enumerate(VALUES)
    ]
    asked = {"eval_time": "0m", "alertname": "A", "exp_alerts": expected}
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [asked]}
    write(tmp_path / "test.yml", {"rule_files": ["rules.yml"], "tests": [test]})
    assert promtool("test", "rules", tmp_path / "test.yml") == ""


def write(file: Path, content: object) -> None:
    # JSON is YAML.
    file.write_text(json.dumps(content))


@pytest.mark.parametrize("template", UNDERSTOOD)
def test_what_is_understood(template: str) -> None:
    check(template)


@pytest.mark.parametrize(
    "template",
    [
        "{{ $valu }}",
        "{{ }}",
        "{{",
        "{{ $value",
        '{{ "$value }}',
        "a }} {{ b",
        "{{{ $value }}}",
        "{{ $value | }}",
        "{{ | humanize }}",
        "{{ $value | humanise }}",
        "{{ $value $value }}",
        "{{ $value $labels.a }}",
        "{{ humanize humanize $value }}",
        "{{ $value | humanize $value }}",
        "{{ $value | humanize | humanize }}",
        "{{ $value | toUpper }}",
        "{{ $value.a }}",
        "{{ $labels }}",
        "{{ $labels. }}",
        "{{ $labels.a.b }}",
        "{{ $labels.a-b }}",
        "{{ $labels.a | humanize }}",
        "{{ $labels.a | printf }}",
        '{{ $labels.a | printf "%f" }}',
        '{{ $value | printf "%s" }}',
        '{{ $value | printf "%d" }}',
        '{{ $value | printf "no verb" }}',
        '{{ $value | printf "%f %f" }}',
        '{{ $value | printf "\\n%f" }}',
        "{{ if $value }}x{{ end }}",
        '{{ query "up" | first | value }}',
        "{{ $externalLabels.cluster }}",
        "{{- $value -}}",
        "{{ 5 }}",
    ],
)
def test_what_is_not(template: str) -> None:
    with pytest.raises(ValueError, match=r"is not understood: use |is not closed: end it with }}"):
        check(template)
    # What is shown to people is then the text as it was written.
    assert fill(template, 1.0, {}).count("{{") >= 1


def test_a_value_that_was_never_known() -> None:
    assert fill("is {{ $value | humanize }} in {{ $labels.a }}", None, {"a": "b"}) == (
        "is no data in b"
    )


def test_which_labels_are_shown() -> None:
    assert labels_of("{{ $labels.a }} {{ $value }} {{ .Labels.b | toUpper }} {{ x }}") == ("a", "b")


@given(
    st.text()
    | st.lists(st.sampled_from([*UNDERSTOOD, "{{", "}}", '"', "$value", "|"])).map("".join)
)
def test_any_text_is_filled_in(text: str) -> None:
    filled = fill(text, 1.5, {"i": "x"})
    if "{{" not in text:
        assert filled == text
