"""How a report looks; its colours follow the reader's light or dark setting."""

from __future__ import annotations

__all__ = ["ACCENT", "INK", "LINE", "SECOND", "SOFT", "STYLE", "VARIABLES"]

# Pictures are drawn in colours that stand for a variable of the page's style.
INK, SOFT, LINE, ACCENT, SECOND = "#000001", "#000002", "#000003", "#000004", "#000005"
VARIABLES = {
    INK: "var(--ink)",
    SOFT: "var(--soft)",
    LINE: "var(--line)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
}

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --ink: #1c2128; --soft: #59636f; --line: #dde1e6;
  --accent: #2f6db5; --second: #b8501b; --deepest: .62;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0f1216; --card: #181c22; --ink: #e7eaee; --soft: #9ba5b1; --line: #303740;
    --accent: #6ea8ea; --second: #ec9a63; --deepest: .48;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main, header, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 .25rem; }
.source, .lead, footer, .note { color: var(--soft); }
.source, .note { overflow-wrap: anywhere; margin: 0; }
.note { margin-top: .5rem; padding-left: .75rem; border-left: 3px solid var(--second); }
.lead { margin: 0 0 .75rem; max-width: 46rem; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0;
}
.facts div, section {
  background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
}
.facts div { padding: .65rem .9rem; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.15rem; font-weight: 600; line-height: 1.35; }
.facts dd small { display: block; font-size: .8rem; font-weight: 400; color: var(--soft); }
section { padding: 1.1rem 1.25rem; margin: 0 0 1rem; break-inside: avoid; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); }
.figures { gap: 1rem 1.5rem; }
figure { margin: 0; min-width: 0; overflow-x: auto; }
figcaption { font-size: .9rem; font-weight: 600; margin-bottom: .25rem; }
svg { display: block; width: 100%; height: auto; stroke-linejoin: round; min-width: 18rem; }
svg.wide { min-width: 34rem; }
svg text { font-family: inherit; }
svg g:hover > .mark { opacity: .75; }
details { margin-top: .75rem; font-size: .9rem; }
summary { cursor: pointer; color: var(--accent); width: max-content; max-width: 100%; }
summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.scroll { overflow-x: auto; margin-top: .5rem; }
details .scroll { max-height: 26rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding-bottom: .25rem; }
th, td { padding: .2rem .75rem .2rem 0; text-align: right; vertical-align: top; }
th { font-weight: 600; }
td { white-space: nowrap; }
.text { text-align: left; white-space: normal; overflow-wrap: anywhere; }
thead th { border-bottom: 1px solid var(--line); color: var(--soft); }
.cells { width: 100%; font-size: .85rem; table-layout: fixed; min-width: 46rem; }
.cells th, .cells td { padding: .3rem .15rem; text-align: center; white-space: nowrap; }
.cells thead th { vertical-align: bottom; border: 0; color: var(--ink); font-weight: 400; }
.cells th { font-weight: 400; overflow: hidden; text-overflow: ellipsis; }
.cells .corner { width: 6.5rem; }
.cells tbody th { text-align: right; padding-right: .6rem; }
.cells thead span {
  writing-mode: vertical-rl; transform: rotate(180deg); max-height: 14rem; overflow: hidden;
  text-overflow: ellipsis; display: inline-block;
}
.cells td { border: 2px solid var(--card); border-radius: .3rem; }
.cells td {
  background: color-mix(in srgb, var(--accent) calc(var(--heat) * var(--deepest)), var(--card));
}
.cells .none { color: var(--soft); background: none; }
footer { padding-bottom: 2.5rem; font-size: .85rem; }
@media (max-width: 40rem) { section { padding: .9rem; } .facts dd { font-size: 1.1rem; } }
@media print { body { background: none; } .scroll { max-height: none; overflow: visible; } }
"""
