"""Colors by role: Okabe and Ito's palette for the light and the dark theme."""

import numpy as np

__all__ = ["DARK", "LIGHT", "PALETTES", "Palette"]

Palette = dict[str, "str | list[str]"]


def _ramp(stops: tuple[str, ...], n: int = 64) -> list[str]:
    """Return ``n`` colors through ``stops``, interpolated linearly in sRGB."""
    corners = np.array([[int(s[i : i + 2], 16) for i in (1, 3, 5)] for s in stops], dtype=float)
    at = np.linspace(0, len(stops) - 1, n)
    mixed = [np.interp(at, np.arange(len(stops)), corners[:, i]) for i in range(3)]
    return [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(np.stack(mixed, 1)).astype(int)]


# Okabe and Ito (2008): distinguishable with color blindness. The dark theme replaces the two
# darkest colors by lighter neighbors.
LIGHT: Palette = {
    "background": "#f4f6f8",
    "card": "#ffffff",
    "text": "#18212b",
    "muted": "#55616f",
    "line": "#dfe4ea",
    "grid": "#eceff3",
    "shade": "#8a97a6",
    "statistic": "#0072b2",
    "threshold": "#d55e00",
    "change": "#009e73",
    "alarm": "#d55e00",
    "series-1": "#0072b2",
    "series-2": "#cc79a7",
    "series-3": "#e69f00",
    "series-4": "#009e73",
    "field": _ramp(("#00304d", "#0072b2", "#9ccbe8", "#ffffff", "#f4bd97", "#d55e00", "#5c2800")),
    "heat": _ramp(("#ffffff", "#cfe6f5", "#56b4e9", "#0072b2", "#00304d", "#000d17")),
}

DARK: Palette = {
    "background": "#0e1319",
    "card": "#161d26",
    "text": "#e9eef4",
    "muted": "#9dabba",
    "line": "#2a3542",
    "grid": "#202a35",
    "shade": "#7b8998",
    "statistic": "#56b4e9",
    "threshold": "#ef7d2d",
    "change": "#17c795",
    "alarm": "#ef7d2d",
    "series-1": "#56b4e9",
    "series-2": "#d98fb8",
    "series-3": "#e69f00",
    "series-4": "#17c795",
    "field": _ramp(("#b5dcf6", "#56b4e9", "#12405f", "#161d26", "#5f2f10", "#ef7d2d", "#ffdcc0")),
    "heat": _ramp(("#161d26", "#12405f", "#0072b2", "#56b4e9", "#f0e442", "#fffde0")),
}

PALETTES = {"light": LIGHT, "dark": DARK}
