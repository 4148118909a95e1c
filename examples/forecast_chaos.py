"""Forecast the Lorenz butterfly and a Kuramoto-Sivashinsky field, and plot both.

    python examples/forecast_chaos.py [FOLDER]

With a folder (and matplotlib) the script writes the figures of the documentation there; the model
of the field then learns more rows, and the forecast is longer.
"""

import sys
from pathlib import Path

import numpy as np

from streamlyt.evaluate import valid_prediction_steps
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster
from streamlyt.systems import KuramotoSivashinsky, Lorenz

TEXT, MUTED, BLUE = "#18212b", "#9aa5b1", "#0072b2"


def butterfly():
    system, n_learned, ahead = Lorenz(seed=7), 12_000, 900
    rows = system.sample(n_learned + ahead)
    model = ReservoirForecaster()
    model.predict_and_learn(rows[:n_learned])
    forecast = model.forecast_interval(ahead)
    observed = rows[n_learned:]
    unit = system.dt * system.lyapunov_exponent
    valid = valid_prediction_steps(observed, forecast.point, rows.var(axis=0)) * unit
    print(
        f"Lorenz: valid for {valid:.1f} Lyapunov times, expected {forecast.valid_steps * unit:.1f}"
    )
    return np.arange(ahead) * unit, observed, forecast


def field(n_learned):
    system, ahead = KuramotoSivashinsky(seed=7), 1000 if n_learned > 5000 else 300
    rows = system.sample(n_learned + ahead)
    model = ReservoirForecaster(
        EchoStateNetwork(1000 if n_learned > 5000 else 200, spectral_radius=0.6),
        patch_size=4,
        halo=3.0,
        spacing=22.0 / rows.shape[1],
        input_noise=3e-4,
        ridge=1e-12,
    )
    model.predict_and_learn(rows[:n_learned])
    forecast, observed = model.forecast(ahead), rows[n_learned:]
    unit = system.dt * system.lyapunov_exponent
    valid = valid_prediction_steps(observed, forecast, rows.var(axis=0)) * unit
    print(f"Kuramoto-Sivashinsky: valid for {valid:.1f} Lyapunov times, {n_learned} rows learned")
    return np.arange(ahead) * unit, observed, forecast


def draw_butterfly(path, times, observed, forecast):
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(9.6, 5.0), layout="constrained")
    layout = [["butterfly", name] for name in "xyze"]
    parts = figure.subplot_mosaic(layout, width_ratios=[1, 1.5])
    valid = max(1, int(forecast.valid_steps))
    butterfly_axis = parts["butterfly"]
    butterfly_axis.plot(observed[:, 0], observed[:, 2], color=MUTED, lw=0.7, label="observed")
    butterfly_axis.plot(
        forecast.point[:valid, 0], forecast.point[:valid, 2], color=BLUE, lw=0.9, label="forecast"
    )
    butterfly_axis.set(xlabel="x", ylabel="z", title="Until the expected valid time")
    butterfly_axis.legend(frameon=False, loc="upper center")
    for i, name in enumerate("xyz"):
        axis = parts[name]
        low, high = observed[:, i].min(), observed[:, i].max()
        axis.fill_between(
            times, forecast.lower[:, i], forecast.upper[:, i], color=BLUE, alpha=0.2, lw=0
        )
        axis.plot(times, observed[:, i], color=TEXT, lw=0.9)
        axis.plot(times, forecast.point[:, i], color=BLUE, lw=0.9, ls="--")
        axis.set(ylabel=name, ylim=(low - 8, high + 8))
        axis.tick_params(labelbottom=False)
    error = np.sqrt((((forecast.point - observed) / observed.std(axis=0)) ** 2).mean(axis=1))
    parts["e"].semilogy(times, error, color=TEXT, lw=0.9)
    parts["e"].axhline(0.4, color=MUTED, lw=1)
    parts["e"].set(ylabel="error", ylim=(1e-7, 10), yticks=(1e-6, 1e-3, 1))
    parts["e"].annotate("valid up to 0.4 standard deviations", (0.1, 0.6), color=TEXT, fontsize=8)
    for name in "xyze":
        parts[name].set_xlim(0, times[-1])
        parts[name].axvline(times[valid - 1], color=MUTED, lw=1, ls=":")
    parts["x"].set_title("Observed (black), forecast (dashed), 90 % prediction interval")
    parts["e"].set_xlabel("Lyapunov times (dotted: expected valid time)")
    figure.align_ylabels([parts[name] for name in "xyze"])
    figure.savefig(path, dpi=90)


def draw_field(path, times, observed, forecast):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 1, figsize=(9.6, 5.2), sharex=True, layout="constrained")
    names = ("Observed", "Forecast", "Error: forecast minus observed")
    for axis, values, name in zip(
        axes, (observed, forecast, forecast - observed), names, strict=True
    ):
        extent = (times[0], times[-1], 0, 22)
        image = axis.imshow(
            values.T, aspect="auto", origin="lower", extent=extent, cmap="RdBu_r", vmin=-3, vmax=3
        )
        axis.set(ylabel="position", title=name)
    axes[-1].set_xlabel("Lyapunov times")
    figure.colorbar(image, ax=axes, label="u", extend="both")
    figure.savefig(path, dpi=80)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    lorenz, kuramoto = butterfly(), field(1200 if folder is None else 12_000)
    if folder is not None:
        import matplotlib

        matplotlib.use("agg")
        draw_butterfly(folder / "lorenz.png", *lorenz)
        draw_field(folder / "kuramoto_sivashinsky.png", *kuramoto)


if __name__ == "__main__":
    main()
