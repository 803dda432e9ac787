"""The style of HTML reports: dark and light, for narrow and wide screens and for paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root {
  color-scheme: light dark;
  --page: #ffffff; --panel: #f6f7f9; --edge: #dfe3e8; --text: #1b2128; --quiet: #5b6570;
  --good: #14733c; --warning: #8a5300; --bad: #b3261e;
  --one: #1f6fd0; --two: #b45309; --three: #8b3fb0; --grid: #e3e7ec;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --page: #12161b; --panel: #1a2027; --edge: #313a45; --text: #e4e9ee; --quiet: #9aa6b2;
    --good: #58c98a; --warning: #efb15a; --bad: #ff8a80;
    --one: #6cb0ff; --two: #f0a456; --three: #d08bf0; --grid: #2a323c;
  }
}
@media print { :root { color-scheme: light; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2.5rem) 3rem; max-width: 88rem;
  background: var(--page); color: var(--text);
  font: 0.9375rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 0.25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.125rem; margin: 2rem 0 0.75rem; }
p { margin: 0.25rem 0; overflow-wrap: anywhere; }
ul { margin: 0.5rem 0; padding-left: 1.25rem; }
li { margin: 0.2rem 0; overflow-wrap: anywhere; }
.subtitle, .note, footer, th, figcaption, .facts small { color: var(--quiet); }
.notice { border-left: 0.25rem solid var(--warning); padding: 0.25rem 0.75rem; }
footer { margin-top: 2.5rem; font-size: 0.8125rem; }
.good { color: var(--good); } .warning { color: var(--warning); } .bad { color: var(--bad); }
.quiet { color: var(--quiet); }
.facts {
  display: grid; gap: 0.75rem; margin: 0.75rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 8.25rem), 1fr));
}
.facts > div {
  background: var(--panel); border: 1px solid var(--edge); border-radius: 0.5rem;
  padding: 0.5rem 0.75rem; min-width: 0;
}
.facts dt { font-size: 0.8125rem; color: var(--quiet); }
.facts dd { margin: 0; font-size: 1.25rem; line-height: 1.3; overflow-wrap: anywhere; }
.facts small { display: block; font-size: 0.8125rem; }
.charts {
  display: grid; gap: 1rem; margin: 0.75rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 24rem), 1fr));
}
.chart {
  margin: 0; padding: 0.5rem 0.75rem 0.25rem; min-width: 0; break-inside: avoid;
  background: var(--panel); border: 1px solid var(--edge); border-radius: 0.5rem;
}
figcaption { display: flex; flex-wrap: wrap; gap: 0 0.75rem; font-size: 0.8125rem; }
figcaption b { color: var(--text); font-weight: 600; }
.key { white-space: nowrap; }
.key::before {
  content: ""; display: inline-block; width: 0.9rem; height: 0; margin-right: 0.35rem;
  border-top: 2px solid var(--one); vertical-align: middle;
}
.key-2::before { border-top: 2px dashed var(--two); }
.key-3::before { border-top: 2px dotted var(--three); }
.frame {
  display: grid; grid-template: 8.5rem 1.4rem / 4.25rem minmax(0, 1fr);
  margin-top: 0.6rem; font-size: 0.75rem; color: var(--quiet);
  font-variant-numeric: tabular-nums;
}
.values, .times { position: relative; }
.values span { position: absolute; right: 0.4rem; transform: translateY(50%); white-space: nowrap; }
.times { grid-column: 2; }
.times span { position: absolute; top: 0.15rem; transform: translateX(-50%); white-space: nowrap; }
.times .first { transform: none; } .times .last { transform: translateX(-100%); }
.plot { width: 100%; height: 100%; display: block; overflow: visible; }
.plot path, .spark path { fill: none; vector-effect: non-scaling-stroke; }
.plot .grid { stroke: var(--grid); stroke-width: 1; }
.line { stroke-width: 1.75; stroke-linejoin: round; stroke-linecap: round; }
.line-1 { stroke: var(--one); }
.line-2 { stroke: var(--two); stroke-dasharray: 5 4; }
.line-3 { stroke: var(--three); stroke-dasharray: 1 4; }
.plot .area { fill: var(--one); opacity: 0.14; }
.band { fill: var(--quiet); opacity: 0.16; }
.band.bad { fill: var(--bad); } .band.warning { fill: var(--warning); }
.pointer { fill: transparent; }
.pointer:hover { fill: var(--quiet); opacity: 0.18; }
.spark { width: 6rem; height: 1.25rem; display: block; overflow: visible; }
.scroll { overflow-x: auto; margin: 0.75rem 0 0.25rem; }
table { border-collapse: collapse; min-width: 100%; font-variant-numeric: tabular-nums; }
th, td {
  padding: 0.3rem 0.75rem 0.3rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--edge);
}
th { font-size: 0.8125rem; font-weight: 600; white-space: nowrap; }
td { max-width: 28rem; overflow-wrap: anywhere; }
td:first-child { min-width: 8rem; }
.short { white-space: nowrap; overflow-wrap: normal; }
.figure { text-align: right; white-space: nowrap; }
td.long { min-width: 14rem; }
.bar { display: block; width: 5rem; height: 0.35rem; margin: 0.25rem 0 0 auto; }
.bar rect:first-child { fill: var(--edge); } .bar rect:last-child { fill: var(--one); }
@media print {
  body { padding: 0; max-width: none; font-size: 9pt; }
  h2 { break-after: avoid; } tr { break-inside: avoid; } thead { display: table-header-group; }
  .scroll { overflow: visible; } .pointer { display: none; }
  .facts { grid-template-columns: repeat(5, 1fr); }
  .charts { grid-template-columns: 1fr 1fr; }
  table { font-size: 7.5pt; } th, th.figure { font-size: 7.5pt; white-space: normal; }
  th, td { padding: 0.15rem 0.3rem 0.15rem 0; }
  .spark { width: 2.5rem; height: 0.9rem; } .bar { width: 2.5rem; }
  td, td.long, td:first-child { min-width: 0; white-space: normal; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
