"""Style sheet of a page, and the switch between the light and the dark theme."""

import json

from streamlyt.dashboards._plotting.palette import PALETTES, Palette

__all__ = ["script", "style_sheet"]


def _variables(palette: Palette) -> str:
    """Return the palette as CSS variables; of a color ramp a few stops for the legend."""
    plain = [f"--{part}:{color};" for part, color in palette.items() if isinstance(color, str)]
    stops = [
        f"--{name}-{i}:{palette[name][round(i * (len(palette[name]) - 1) / last)]};"
        for name, last in (("heat", 5), ("field", 6))
        for i in range(last + 1)
    ]
    return "".join(plain + stops)


def style_sheet() -> str:
    """Return the style sheet; printed, a page is light whatever is chosen on the screen."""
    light, dark = (_variables(PALETTES[name]) for name in ("light", "dark"))
    return (
        f":root{{color-scheme:light;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{"
        f":root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n{_RULES}"
    )


def script() -> str:
    """Return the script that recolors the charts when the theme changes."""
    palettes = json.dumps(PALETTES, separators=(",", ":"))
    return _SCRIPT.replace("__PALETTES__", palettes)


_RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--background);color:var(--text);
  font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.wrap{max-width:1480px;margin:0 auto;padding:0 24px}
header.top{background:var(--card);border-bottom:1px solid var(--line);padding:20px 0 16px}
.title{display:flex;gap:16px;align-items:flex-start;justify-content:space-between}
h1{font-size:24px;line-height:1.25;font-weight:650;letter-spacing:-.01em;margin:0;
  overflow-wrap:anywhere}
.lead{margin:4px 0 0;color:var(--muted);font-size:16px;max-width:78ch}
.pills{display:flex;flex-wrap:wrap;gap:8px;list-style:none;margin:14px 0 0;padding:0}
.pill{border:1px solid var(--line);border-radius:999px;padding:2px 12px;font-size:13px;
  color:var(--muted);background:var(--background)}
.pill b{color:var(--text);font-weight:600;font-variant-numeric:tabular-nums}
.pill.found{border-color:var(--change)}
.pill.found::before,.pill.broken::before{content:"";display:inline-block;width:8px;height:8px;
  border-radius:50%;background:var(--change);margin-right:7px}
.pill.broken{border-color:var(--alarm)}.pill.broken::before{background:var(--alarm)}
button.theme{flex:none;font:inherit;font-size:13px;color:var(--text);background:var(--background);
  border:1px solid var(--line);border-radius:999px;padding:4px 14px;cursor:pointer}
button.theme:hover{border-color:var(--muted)}
a{color:var(--statistic)}
a:focus-visible,button:focus-visible,summary:focus-visible,[tabindex]:focus-visible{
  outline:2px solid var(--statistic);outline-offset:2px}
.skip{position:absolute;left:-9999px}.skip:focus{left:16px;top:8px;z-index:9;padding:6px 12px;
  background:var(--card)}
main.wrap{padding-top:20px;padding-bottom:0}
.series{margin:0 0 28px}
.series>h2{font-size:18px;font-weight:620;margin:6px 0 12px;overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:minmax(0,1fr) 430px;gap:16px;align-items:start}
.columns>.side{grid-column:2;grid-row:1;position:sticky;top:16px;max-height:calc(100vh - 32px);
  overflow:auto}
.columns>.plots{grid-column:1;grid-row:1;display:grid;gap:16px;min-width:0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;
  padding:14px 16px 12px;min-width:0}
.card h3{font-size:15px;font-weight:620;margin:0}
.card>p,.side p,.all p{margin:2px 0 8px;color:var(--muted);font-size:13px;max-width:110ch}
.note{border-left:3px solid var(--alarm);padding:2px 0 2px 12px;margin:0 0 12px;
  color:var(--text);max-width:86ch}
.legend{display:flex;flex-wrap:wrap;gap:4px 18px;list-style:none;margin:0 0 2px;padding:0;
  font-size:12.5px;color:var(--muted)}
.legend li{display:flex;align-items:center;gap:7px}
.key{display:inline-block;width:22px;height:0;border-top:2px solid;flex:none}
.key.statistic{border-color:var(--statistic);height:8px;
  background:color-mix(in srgb,var(--statistic) 30%,transparent)}
.key.threshold{border-color:var(--threshold);border-top-style:dashed}
.key.change{border-color:var(--change);border-top-style:dashed}
.key.alarm{width:0;border:6px solid transparent;border-top:10px solid var(--alarm);
  border-bottom:0}
.key.warmup{height:10px;border:0;background:var(--shade);opacity:.3}
.key.truth{border-color:var(--muted)}.key.expected{border-color:var(--statistic);
  border-top-style:dashed;height:8px;
  background:color-mix(in srgb,var(--statistic) 25%,transparent)}
.scale{width:150px;height:10px;border-radius:3px;border:1px solid var(--line);
  background:linear-gradient(90deg,var(--heat-0),var(--heat-1),var(--heat-2),
  var(--heat-3),var(--heat-4),var(--heat-5))}
.scale.field{background:linear-gradient(90deg,var(--field-0),var(--field-1),var(--field-2),
  var(--field-3),var(--field-4),var(--field-5),var(--field-6))}
h4{font-size:12.5px;font-weight:600;margin:6px 0 0;color:var(--text)}
h4 small{font-weight:400;color:var(--muted);font-size:12px}
h4 .dot{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:7px}
.dot.series-1{background:var(--series-1)}.dot.series-2{background:var(--series-2)}
.dot.series-3{background:var(--series-3)}.dot.series-4{background:var(--series-4)}
.picture{min-width:0;width:100%;overflow:hidden}
details{margin-top:6px;font-size:13px}
summary{cursor:pointer;color:var(--muted);width:fit-content}
.scroll{overflow-x:auto;margin-top:6px}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;width:100%}
th,td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);
  font-weight:400}
thead th{color:var(--muted);font-size:12px;font-weight:500;padding-top:2px;white-space:nowrap}
tbody tr:last-child>*{border-bottom:0}
.plain td{white-space:nowrap}.plain caption{text-align:left;color:var(--muted);padding:2px 0 4px}
.changes td b{font-weight:600;display:block;white-space:nowrap}
.changes td small{display:block;color:var(--muted);font-size:12px}
.number{display:inline-block;min-width:22px;height:22px;line-height:22px;border-radius:11px;
  padding:0 6px;text-align:center;font-size:12px;font-weight:600;
  border:1px solid var(--change);line-height:20px}
.shares{list-style:none;margin:0;padding:0;min-width:118px}
.shares li{display:grid;grid-template-columns:1fr auto;gap:0 8px;font-size:12.5px;
  margin-bottom:5px}
.shares .name{overflow-wrap:anywhere;line-height:1.3}.shares .share{color:var(--muted)}
.shares .bar{grid-column:1/3;height:4px;border-radius:2px;background:
  linear-gradient(var(--statistic),var(--statistic)) 0/calc(var(--share)*100%) 100% no-repeat
  var(--grid)}
.all{max-height:440px;overflow:auto}.none{font-size:15px;color:var(--text)!important}
pre{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;white-space:pre-wrap;
  overflow-wrap:anywhere;margin:8px 0 0}
footer.wrap{color:var(--muted);font-size:13px;padding-bottom:28px}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);
  white-space:nowrap}
.columns.alone{grid-template-columns:minmax(0,1fr)}
.ways{display:flex;gap:18px;font-size:13px;margin:0 0 8px}
.bar{display:flex;flex-wrap:wrap;gap:8px 10px;align-items:center;margin:0 0 14px;font-size:13px}
.bar button,.bar select,#find{font:inherit;color:var(--text);background:var(--card);
  border:1px solid var(--line);border-radius:8px;padding:4px 12px;min-height:30px}
.bar button{cursor:pointer}.bar button:hover{border-color:var(--muted)}
.bar #follow{border-color:var(--statistic)}.bar #rows{margin-left:auto}
select:focus-visible,input:focus-visible{outline:2px solid var(--statistic);outline-offset:2px}
.state{display:inline-flex;align-items:center;gap:7px;border:1px solid var(--line);
  border-radius:999px;padding:2px 12px;background:var(--card);color:var(--text);white-space:nowrap}
.state::before{content:"";width:8px;height:8px;border-radius:50%;background:var(--shade)}
.state.live::before,.state.changed::before{background:var(--change)}
.state.in-alarm::before,.state.not-connected::before{background:var(--alarm)}
.state.in-alarm,.state.not-connected{border-color:var(--alarm)}
.all-series .state{border-color:transparent;background:none;padding:0}
.all-series td small{display:block;color:var(--muted);font-size:12px}
#found{color:var(--muted);margin-left:10px}[hidden]{display:none!important}
.news .pill.found{box-shadow:0 0 0 3px var(--change)}
@media (max-width:1080px){.columns{grid-template-columns:minmax(0,1fr)}
  .columns>.side,.columns>.plots{grid-column:1;grid-row:auto}
  .columns>.side{position:static;max-height:max(300px,50vh)}}
@media (max-width:640px){.wrap{padding:0 10px}.card{padding:12px 10px}h1{font-size:20px}
  .lead{font-size:15px}.plots .picture{margin-left:-8px;width:calc(100% + 12px)}}
@media print{body{background:#fff;font-size:12px}.card{break-inside:avoid;border-color:#ccc}
  button.theme,.skip,summary,.bk-Toolbar{display:none}.columns{grid-template-columns:1fr}
  .columns>.side,.columns>.plots{grid-column:1;grid-row:auto}
  .columns>.side{position:static;max-height:none;overflow:visible}}
"""

# Every model with colors has a tag {paint: {property: name in the palette}}.
_SCRIPT = """
(function () {
  "use strict";
  const palettes = __PALETTES__;
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const button = document.querySelector("button.theme");
  function isDark() {
    return root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  }
  function paint(name) {
    const palette = palettes[name];
    for (const held of window.Bokeh ? window.Bokeh.documents : []) {
      for (const model of held.all_models) {
        for (const tag of model.tags) {
          if (!tag || !tag.paint) continue;
          const values = {};
          for (const [property, part] of Object.entries(tag.paint)) {
            const now = model[property];
            const plain = typeof now === "string" || now === null || Array.isArray(now);
            values[property] = plain ? palette[part] : {value: palette[part]};
          }
          model.setv(values);
        }
      }
    }
  }
  function show() {
    const dark = isDark();
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", dark ? "Switch to light theme" : "Switch to dark theme");
    paint(dark ? "dark" : "light");
  }
  button.addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  window.addEventListener("beforeprint", function () { paint("light"); });
  window.addEventListener("afterprint", show);
  function whenDrawn() {
    const held = window.Bokeh ? window.Bokeh.documents.length : 0;
    const wanted = document.querySelectorAll(".plots:has(.picture)").length;
    if (held >= wanted) { show(); } else { setTimeout(whenDrawn, 30); }
  }
  show();
  if (document.querySelector(".picture")) whenDrawn();
})();
"""
