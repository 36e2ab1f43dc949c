"""Colours and layout: one style sheet, named by its hash in the page's security policy."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Final

LIGHT: Final[Mapping[str, str]] = {
    "paper": "#ffffff",
    "panel": "#f3f5f8",
    "ink": "#1b1f24",
    "quiet": "#515a66",
    "line": "#7a8491",
    "mark": "#0b5a9d",
    "open": "#a33b00",
    "grid": "#d5dae1",
}
DARK: Final[Mapping[str, str]] = {
    "paper": "#14171b",
    "panel": "#1f242b",
    "ink": "#e8ebef",
    "quiet": "#aab3bf",
    "line": "#78828f",
    "mark": "#7cbcf5",
    "open": "#ffa366",
    "grid": "#3a424d",
}
"""`open` is for what no day ends; no colour is the only carrier of a meaning."""


def _variables(colours: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


SHEET: Final = f"""
:root{{color-scheme:light dark;{_variables(LIGHT)}}}
@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}}
main{{max-width:72rem;margin:0 auto;padding:1.5rem 1rem 3rem}}
h1{{font-size:1.8rem;line-height:1.2;margin:0 0 1rem}}
h2{{font-size:1.35rem;line-height:1.25;margin:2.5rem 0 .75rem}}
h3{{font-size:1.1rem;line-height:1.3;margin:1.75rem 0 .5rem}}
p,ul,dl{{max-width:46rem;margin:.5rem 0}}
ul{{padding-left:1.25rem}}
code{{font:.875em/1.4 ui-monospace,monospace;overflow-wrap:anywhere}}
.quiet{{color:var(--quiet)}}
.small{{font-size:.875rem}}
.verdict{{background:var(--panel);border-left:.4rem solid var(--mark);padding:.75rem 1rem;max-width:46rem}}
.verdict.warn{{border-left-color:var(--open)}}
.verdict p{{margin:.25rem 0}}
.word{{font-size:1.2rem;font-weight:700}}
dl>div{{display:grid;grid-template-columns:13rem 1fr;gap:0 1rem;padding:.2rem 0}}
dt{{color:var(--quiet)}}
dd{{margin:0;overflow-wrap:anywhere}}
.scroll{{overflow-x:auto;margin:1rem 0;max-width:100%}}
.scroll:focus-visible,summary:focus-visible{{outline:3px solid var(--mark);outline-offset:2px}}
table{{border-collapse:collapse;font-size:.875rem;line-height:1.4}}
caption,.caption{{text-align:left;font-weight:600;padding:.25rem 0 .4rem}}
th,td{{border-bottom:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top}}
thead th{{background:var(--panel);border-top:1px solid var(--line);white-space:nowrap}}
tbody th{{font-weight:600}}
td.number,th.number{{text-align:right;font-variant-numeric:tabular-nums}}
td.words{{min-width:9.5rem}}
td.ground{{min-width:13rem}}
td.copy{{min-width:13rem}}
td.day,time{{white-space:nowrap}}
table.generic th,table.generic td{{border:1px solid var(--line)}}
td>ul{{margin:0}}
.no-day{{color:var(--open);font-weight:700}}
figure{{margin:1rem 0}}
figcaption{{color:var(--quiet);font-size:.875rem}}
svg{{display:block;width:100%;min-width:40rem;max-width:60rem;height:auto}}
svg text{{fill:var(--ink);font:13px system-ui,sans-serif}}
svg .axis{{fill:var(--quiet)}}
svg .grid{{stroke:var(--grid);stroke-width:1}}
svg .seen{{stroke:var(--quiet);stroke-width:1.5;stroke-dasharray:2 3}}
svg .until{{fill:var(--mark)}}
svg .lag{{fill:none;stroke:var(--mark);stroke-width:1.5;stroke-dasharray:4 3}}
svg .end{{stroke:var(--mark);stroke-width:3}}
svg .ever{{stroke:var(--open);stroke-width:3;stroke-dasharray:9 5;fill:none}}
svg .head{{fill:none;stroke:var(--open);stroke-width:3;stroke-linejoin:round;stroke-linecap:round}}
svg .open{{fill:var(--open);font-weight:700}}
summary{{cursor:pointer;margin-top:2.5rem}}
summary h2{{display:inline;margin:0}}
@media (max-width:40rem){{
main{{padding:1rem .75rem 2rem}}
h1{{font-size:1.5rem}}
h2{{font-size:1.2rem}}
dl>div{{grid-template-columns:1fr;padding:.35rem 0}}
}}
@media print{{
:root{{color-scheme:light;{_variables({**LIGHT, "ink": "#000000", "quiet": "#333333"})}}}
body{{font-size:9.5pt}}
main{{max-width:none;padding:0}}
.scroll{{overflow:visible}}
table{{font-size:7.5pt;width:100%}}
thead th,time{{white-space:normal}}
td.day,td.words time{{white-space:nowrap}}
td.words,td.ground,td.copy{{min-width:0}}
th,td{{padding:.15rem .3rem}}
td code{{font-size:6.5pt}}
svg{{min-width:0;max-width:100%}}
h2,h3,caption{{break-after:avoid}}
tr,figure,.verdict{{break-inside:avoid}}
details::details-content{{content-visibility:visible;height:auto}}
}}
"""
POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()}'"
)
"""Content-Security-Policy: nothing is loaded or run, and no style applies but this one sheet."""
