"""Forecast the Lorenz butterfly and a Kuramoto-Sivashinsky field; draw both beside the truth.

    python examples/forecast_chaos.py [FOLDER]

With a folder (and matplotlib) the pictures of the documentation are drawn there; the field is then
learnt for longer, and forecast until it is lost.
"""

import sys
from pathlib import Path

import numpy as np

from streamlyt.evaluate import valid_prediction_steps
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster
from streamlyt.systems import KuramotoSivashinsky, Lorenz

INK, SOFT, BLUE = "#18212b", "#9aa5b1", "#0072b2"


def butterfly():
    system, learnt, ahead = Lorenz(seed=7), 12_000, 900
    rows = system.rows(learnt + ahead)
    model = ReservoirForecaster()
    model.predict_and_learn(rows[:learnt])
    found = model.forecast_interval(ahead)
    truth = rows[learnt:]
    unit = system.dt * system.lyapunov
    held = valid_prediction_steps(truth, found.rows, rows.var(axis=0)) * unit
    print(f"Lorenz: held {held:.1f} Lyapunov times, expected {found.valid_rows * unit:.1f}")
    return np.arange(ahead) * unit, truth, found


def field(learnt):
    system, ahead = KuramotoSivashinsky(seed=7), 1000 if learnt > 5000 else 300
    rows = system.rows(learnt + ahead)
    model = ReservoirForecaster(
        EchoStateNetwork(1000 if learnt > 5000 else 200, spectral_radius=0.6),
        patch=4,
        halo=3.0,
        spacing=22.0 / rows.shape[1],
        noise=3e-4,
        ridge=1e-12,
    )
    model.predict_and_learn(rows[:learnt])
    found, truth = model.forecast(ahead), rows[learnt:]
    unit = system.dt * system.lyapunov
    held = valid_prediction_steps(truth, found, rows.var(axis=0)) * unit
    print(f"Kuramoto-Sivashinsky: held {held:.1f} Lyapunov times, learnt {learnt} rows")
    return np.arange(ahead) * unit, truth, found


def draw_butterfly(path, times, truth, found):
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(9.6, 5.0), layout="constrained")
    layout = [["wings", name] for name in "xyze"]
    parts = figure.subplot_mosaic(layout, width_ratios=[1, 1.5])
    held = max(1, int(found.valid_rows))
    wings = parts["wings"]
    wings.plot(truth[:, 0], truth[:, 2], color=SOFT, lw=0.7, label="truth")
    wings.plot(found.rows[:held, 0], found.rows[:held, 2], color=BLUE, lw=0.9, label="forecast")
    wings.set(xlabel="x", ylabel="z", title="While it is expected to hold")
    wings.legend(frameon=False, loc="upper center")
    for i, name in enumerate("xyz"):
        axis = parts[name]
        low, high = truth[:, i].min(), truth[:, i].max()
        axis.fill_between(times, found.lower[:, i], found.upper[:, i], color=BLUE, alpha=0.2, lw=0)
        axis.plot(times, truth[:, i], color=INK, lw=0.9)
        axis.plot(times, found.rows[:, i], color=BLUE, lw=0.9, ls="--")
        axis.set(ylabel=name, ylim=(low - 8, high + 8))
        axis.tick_params(labelbottom=False)
    error = np.sqrt((((found.rows - truth) / truth.std(axis=0)) ** 2).mean(axis=1))
    parts["e"].semilogy(times, error, color=INK, lw=0.9)
    parts["e"].axhline(0.4, color=SOFT, lw=1)
    parts["e"].set(ylabel="error", ylim=(1e-7, 10), yticks=(1e-6, 1e-3, 1))
    parts["e"].annotate("0.4 of the spread: it holds up to here", (0.1, 0.6), color=INK, fontsize=8)
    for name in "xyze":
        parts[name].set_xlim(0, times[-1])
        parts[name].axvline(times[held - 1], color=SOFT, lw=1, ls=":")
    parts["x"].set_title("Truth (black), forecast (dashes) and its 90 % bands")
    parts["e"].set_xlabel("Lyapunov times (dotted: until when it was expected to hold)")
    figure.align_ylabels([parts[name] for name in "xyze"])
    figure.savefig(path, dpi=90)


def draw_field(path, times, truth, found):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(9.6, 5.2), sharex=True, layout="constrained")
    names = ("Truth", "Forecast", "Error: forecast less truth")
    for axis, values, name in zip(axes, (truth, found, found - truth), names, strict=True):
        extent = (times[0], times[-1], 0, 22)
        shown = axis.imshow(
            values.T, aspect="auto", origin="lower", extent=extent, cmap="RdBu_r", vmin=-3, vmax=3
        )
        axis.set(ylabel="place", title=name)
    axes[-1].set_xlabel("Lyapunov times")
    figure.colorbar(shown, ax=axes, label="u", extend="both")
    figure.savefig(path, dpi=80)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    one, other = butterfly(), field(1200 if folder is None else 12_000)
    if folder is not None:
        import matplotlib

        matplotlib.use("agg")
        draw_butterfly(folder / "lorenz.png", *one)
        draw_field(folder / "kuramoto_sivashinsky.png", *other)


if __name__ == "__main__":
    main()
