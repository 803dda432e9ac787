"""Templates are filled in as Prometheus fills them in."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalspan.rules.go_template.execution import TemplateData, fill_in
from vitalspan.rules.go_template.functions import Sample
from vitalspan.rules.go_template.nodes import TemplateError
from vitalspan.rules.go_template.syntax import parse_template

LABELS = {"instance": "web-1.example.org:9100", "job": "api", "n": "3"}
UP = [
    Sample({"__name__": "up", "instance": "b"}, 1.0),
    Sample({"__name__": "up", "instance": "a"}, 11.0),
]


def queried(text: str) -> list[Sample]:
    return UP if text == "up" else []


def filled(template: str, value: float = 1234.5) -> str:
    data = TemplateData(LABELS, value, 1_700_000_000.0, queried, {"region": "eu"})
    return fill_in(parse_template(template), data)


CASES = [
    ("plain", "plain"),
    ("{{ $value }} {{ .Value }}", "1234.5 1234.5"),
    ("{{ $labels.job }}/{{ .Labels.job }}/{{ $labels.nothing }}", "api/api/"),
    ("{{ $externalLabels.region }}{{ $externalURL }}{{ externalURL }}{{ pathPrefix }}", "eu"),
    ("{{ $value | humanize }}", "1.234k"),
    ("{{ 1048576.0 | humanize1024 }}", "1Mi"),
    ("{{ 0.02 | humanize }} {{ 0 | humanize }}", "20m 0"),
    ("{{ humanizeDuration 3725.0 }} {{ humanizeDuration .05 }}", "1h 2m 5s 50ms"),
    ("{{ humanizeDuration -60.0 }} {{ humanizeDuration 12.0 }}", "-1m 0s 12s"),
    ("{{ humanizePercentage 0.1234567 }}", "12.35%"),
    ("{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"),
    ("{{ 1435065584.0 | toTime }}", "2015-06-23 13:19:44 +0000 UTC"),
    ("{{ 5400.5 | toDuration }} {{ toDuration .0015 }}", "1h30m0.5s 1.5ms"),
    ("{{ toDuration 0 }} {{ toDuration -90 }}", "0s -1m30s"),
    ("{{ now }}", "1.7e+09"),
    ('{{ parseDuration "1h30m" }} {{ parseDuration "-5m" }}', "5400 -300"),
    ('{{ printf "%.2f %s %d %5.1f|" $value "a" 7 2.25 }}', "1234.50 a 7   2.2|"),
    ('{{ printf "%-4s|%q %t %v" "x" "q" true 1.5 }}', 'x   |"q" true 1.5'),
    ('{{ printf "%d %f" 1.5 }}', "%!d(float64=1.5) %!f(MISSING)"),
    ('{{ printf "100%%" }} {{ printf "%s" 1.5 }}', "100% %!s(float64=1.5)"),
    ('{{ printf "a" 1 }}', "a%!(EXTRA int=1)"),
    ('{{ printf "%05d %x %+d %e" 42 255 1 1234.5 }}', "00042 ff +1 1.234500e+03"),
    ("{{ title `a bc` }} {{ toUpper `x` }} {{ `Y` | toLower }}", "A Bc X y"),
    ("{{ stripPort $labels.instance }}", "web-1.example.org"),
    ("{{ stripDomain $labels.instance }}", "web-1:9100"),
    ('{{ stripDomain "10.0.0.1:9100" }} {{ stripPort "[::1]:90" }}', "10.0.0.1:9100 ::1"),
    ('{{ reReplaceAll "(\\\\w+)-(.*)" "$2/${1}" "web-1" }}', "1/web"),
    ('{{ match "a.c" "xabcx" }} {{ match "^b" "abc" }}', "true false"),
    ('{{ graphLink "up > 1" }}', "/graph?g0.expr=up%20%3E%201&g0.tab=0"),
    ('{{ tableLink "up" }}', "/graph?g0.expr=up&g0.tab=1"),
    ('{{ query "up" | first | value }}', "1"),
    ('{{ query "up" | sortByLabel "instance" | first | label "instance" }}', "a"),
    ('{{ range query "up" }}{{ .Labels.instance }}={{ .Value }};{{ end }}', "b=1;a=11;"),
    ('{{ range $i, $s := query "up" }}{{ $i }}{{ $s.Value }},{{ end }}', "01,111,"),
    ('{{ range query "down" }}x{{ else }}none{{ end }}', "none"),
    ('{{ with query "up" }}{{ . | first | value }}{{ end }}', "1"),
    ('{{ with query "down" }}x{{ else }}empty{{ end }}', "empty"),
    ('{{ query "up" | len }}', "2"),
    ('{{ (query "up" | first).Value }}', "1"),
    ('{{ (index (query "up") 1).Labels.instance }}', "a"),
    ("{{ if gt $value 1000.0 }}big{{ else if gt $value 1.0 }}small{{ else }}none{{ end }}", "big"),
    ('{{ if eq $labels.job "web" "api" }}yes{{ end }}', "yes"),
    ("{{ if and true $labels.nothing }}a{{ else }}b{{ end }}", "b"),
    ("{{ if or $labels.nothing $labels.job }}a{{ end }}", "a"),
    ("{{ if not $labels.nothing }}a{{ end }}", "a"),
    ("{{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ ge 1 2 }}", "true true true false"),
    ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
    ("a {{- 1 -}} b", "a1b"),
    ("a {{/* a comment */}} b", "a  b"),
    ("{{- /* trimmed */ -}}  x", "x"),
    ('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" $labels.job }}', "<api>"),
    ('{{ define "t" }}{{ .arg0 }}{{ .arg1 }}{{ end }}{{ template "t" (args 1 "b") }}', "1b"),
    ("{{ range $k, $v := $labels }}{{ $k }}{{ $v | len }} {{ end }}", "instance22 job3 n1 "),
    ("{{ range 3 }}{{ if eq . 1 }}{{ continue }}{{ end }}{{ . }}{{ end }}", "02"),
    ("{{ range 3 }}{{ if eq . 1 }}{{ break }}{{ end }}{{ . }}{{ end }}", "0"),
    ('{{ index $labels "job" }} {{ len "abc" }} {{ slice "abcd" 1 3 }}', "api 3 bc"),
    ('{{ print 1 2 "x" 3 }}|{{ println "a" 1 }}', "1 2x3|a 1\n"),
    ("{{ urlQueryEscape `a b&c` }} {{ urlquery `ä` }}", "a+b%26c %C3%A4"),
    ("{{ html `<a>` }} {{ safeHtml `<b>` }}", "&#60;a&#62; <b>"),
    ("{{ '\\n' }} {{ 0x1F }} {{ 1e3 }} {{ true }}", "10 31 1000 true"),
    ('{{ "\\u00e4\\x41\\t" }}', "äA\t"),
    ("{{ $labels }}", "map[instance:web-1.example.org:9100 job:api n:3]"),
    ("{{ 1234567.0 }} {{ 123456.0 }} {{ 0.00001 }}", "1.234567e+06 123456 1e-05"),
    ('{{ query "up" | first | strvalue }}', ""),
]


@pytest.mark.parametrize(("template", "expected"), CASES)
def test_filled_in(template: str, expected: str) -> None:
    assert filled(template) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none(value: float) -> None:
    text = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    for function in ("humanize", "humanize1024", "humanizeDuration", "humanizeTimestamp"):
        assert filled(f"{{{{ {function} $value }}}}", value) == text
    assert filled('{{ printf "%.1f" $value }}', value) == text
    with pytest.raises(TemplateError):
        filled("{{ toTime $value }}", value)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ $value", "not closed"),
        ("{{ if true }}", "not closed"),
        ("{{ end }}", "unexpected"),
        ("{{ $nothing }}", "not defined"),
        ("{{ $nothing = 1 }}", "not defined"),
        ("{{ nothing 1 }}", "no function nothing"),
        ("{{ ( 1 }}", r"\( is not closed"),
        ("{{ 1 ) }}", "unexpected|missing"),
        ("{{ | }}", "a value is missing"),
        ("{{ 1 2 }}", "only functions"),
        ("{{ # }}", "not understood"),
        ('{{ "\\q" }}', "escape"),
        ("{{ template }}", "use {{ template"),
        ("{{ define }}", "use {{ define"),
        ('{{ define "x" }}', "not closed"),
        ('{{ block "x" . }}{{ end }}', "use {{ define"),
        ("{{ ($value | toTime).Format `2006` }}", r"method \.Format"),
        ("{{ if 1 }}" * 60 + "{{ end }}" * 60, "too deeply"),
        (f"{{{{ {'(' * 2000}1{')' * 2000} }}}}", "too deeply"),
    ],
)
def test_refused(template: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        parse_template(template)


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ('{{ query "down" | first }}', "no elements"),
        ("{{ humanize `x` }}", "not a number"),
        ("{{ humanize true }}", "convert bool"),
        ("{{ $value.Labels }}", "can't evaluate field"),
        ("{{ eq 1 `a` }}", "incompatible types"),
        ("{{ lt 1 `a` }}", "incompatible types"),
        ("{{ eq 1 }}", "missing argument"),
        ('{{ template "t" }}', "not defined"),
        ('{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}', "too often"),
        ("{{ range 1.5 }}{{ end }}", "iterate"),
        ("{{ range 200000 }}a{{ end }}", "too long"),
        ('{{ range 99 }}{{ printf "%9999s" "" }}{{ end }}', "longer than"),
        ("{{ break }}", "outside"),
        ("{{ 1 | 2 }}", "not a function"),
        ("{{ index $labels.job 9 }}", "out of range"),
        ("{{ index 1 9 }}", "can't index"),
        ("{{ match `(` `a` }}", "regular expression"),
        ("{{ parseDuration `x` }}", "duration"),
        ("{{ toTime 1e30 }}", "represented"),
        ('{{ printf "%y" 1 }}', "%y is not supported"),
        ('{{ printf "%999999999d" 1 }}', "%999999999d is too large"),
        ('{{ printf "%10001s" "" }}', "widths up to 10000"),
        ('{{ printf "%.1001f" 1.5 }}', "precisions up to 1000"),
        ('{{ printf "%' + "9" * 5000 + 'd" 1 }}', "is too large"),
        ("{{ now 1 }}", "takes no arguments"),
        ("{{ len 1 }}", "error calling len"),
    ],
)
def test_cannot_be_filled_in(template: str, problem: str) -> None:
    with pytest.raises(TemplateError, match=problem):
        filled(template)


def test_queries_are_known_before_anything_is_filled_in() -> None:
    template = parse_template(
        '{{ query "up" | len }}{{ "a" | query }}{{ with query `b` }}{{ end }}'
    )
    assert template.queries == ("up", "a", "b")
    assert not template.has_other_queries
    assert parse_template('{{ printf "up{a=%q}" $labels.job | query }}').has_other_queries


def test_without_a_source_queries_are_an_error() -> None:
    with pytest.raises(TemplateError, match="query is not supported"):
        fill_in(parse_template('{{ query "up" }}'), TemplateData())


@given(st.text(alphabet="{}$.|()\"`' abvalue:=-/*if end with 1", max_size=40))
def test_any_text_is_a_template_or_an_error(text: str) -> None:
    with suppress(TemplateError):
        assert isinstance(filled(text), str)
