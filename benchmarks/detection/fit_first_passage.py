"""Make detectors/_null_model/first_passage_table.py: simulated first passage times of chi-squares.

``simulate MILLIONS SEED`` and ``gaussian MILLIONS SEED`` write one file each (the table in use is
from 300 and 210 million rows: a quarter of an hour each); ``fit FILES`` writes the table.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.interpolate import LSQUnivariateSpline
from scipy.optimize import brentq

import streamlyt.detectors
from streamlyt.core import Array, Floats
from streamlyt.core.numerics.jit import jit
from streamlyt.detectors._null_model.first_passage import siegmund
from streamlyt.detectors._null_model.forgetting_factors import (
    decorrelation,
    forgetting_factors,
    power_sum,
)

WINDOWS = (3, 5, 10, 20, 50, 150, 400, 1000)
FREEDOMS = (1, 2, 4, 8, 16, 32, 64)  # of nested sums of the same 64 squares
CHANCES = np.exp(-np.arange(1.0, 18.01, 0.4))  # of a row above each level
SKEWS = np.array([0.0, *np.sqrt(8.0 / np.array(FREEDOMS[::-1]))])  # 0: the Gaussian limit
LOG_RATES = np.array(
    [-1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 14.0]
)
ROWS = 10_000  # a block of the simulation
BURN_IN = 2  # blocks until the slowest average is stationary
FEWEST = 150  # excursions behind a simulated mean that is used
SWITCH = 4.0  # of ln(ARL r S): the simulation below, the formula and its mean deviation above
TABLE = Path(streamlyt.detectors.__file__).with_name("_null_model") / "first_passage_table.py"


class Passage(NamedTuple):
    """Sum of the passage times from every row on, shape (..., levels), and the number of rows."""

    total: Floats
    rows: int


@jit()
def add_gaps(path: Array, levels: Array, last: Array, total: Array, row: float) -> None:
    """Add up, level by level, the passage times of the rows between two crossings."""
    for t in range(path.size):
        k = 0
        while k < levels.size and path[t] > levels[k]:
            gap = row + t - last[k]
            total[k] += 0.5 * gap * (gap + 1.0)
            last[k] = row + t
            k += 1


@jit(fastmath={"reassoc", "contract", "nsz"})
def add_squares(
    noise: Array, fast: float, slow: float, averages: Array, ends: Array, out: Array
) -> None:
    """Write the sums of squares of the gap over the first components, not yet scaled."""
    for t in range(noise.shape[0]):
        total, start = 0.0, 0
        for v in range(ends.size):
            for i in range(start, ends[v]):
                averages[0, i] += fast * (noise[t, i] - averages[0, i])
                averages[1, i] += slow * (noise[t, i] - averages[1, i])
                gap = averages[0, i] - averages[1, i]
                total += gap * gap
            start = ends[v]
            out[v, t] = total


def simulate(millions: float, seed: int) -> Passage:
    rng = np.random.default_rng(seed)
    shape = (len(WINDOWS), len(FREEDOMS), CHANCES.size)
    levels = np.array([stats.chi2.isf(CHANCES, freedom) for freedom in FREEDOMS])
    total, last = np.zeros(shape), np.full(shape, -1.0)
    averages = np.zeros((len(WINDOWS), 2, FREEDOMS[-1]), np.float32)
    path = np.empty((len(FREEDOMS), ROWS))
    blocks = round(millions * 1e6 / ROWS)
    for block in range(-BURN_IN, blocks):
        noise = rng.standard_normal((ROWS, FREEDOMS[-1]), dtype=np.float32)
        for w, window in enumerate(WINDOWS):
            fast, slow = forgetting_factors(window)
            add_squares(noise, fast, slow, averages[w], np.array(FREEDOMS), path)
            if block >= 0:
                path /= power_sum(fast, slow, 2)
                for v in range(len(FREEDOMS)):
                    add_gaps(path[v], levels[v], last[w, v], total[w, v], float(block * ROWS))
    return Passage(total, blocks * ROWS)


def simulate_gaussian(millions: float, seed: int) -> Passage:
    """The limit of many degrees of freedom: a Gaussian path with the squared autocorrelation."""
    rng = np.random.default_rng(seed)
    n = 1 << 22
    lags = np.minimum(np.arange(n), n - np.arange(n)).astype(np.float64)
    spectra = []
    for window in WINDOWS:
        fast, slow = forgetting_factors(window)
        cross = fast * slow / (fast + slow - fast * slow)
        quick = (fast / (2 - fast) - cross) * (1 - fast) ** lags
        lazy = (slow / (2 - slow) - cross) * (1 - slow) ** lags
        correlation = (quick + lazy) / float(power_sum(fast, slow, 2))
        spectra.append(np.sqrt(np.maximum(np.fft.rfft(correlation**2).real, 0.0)))
    levels = stats.norm.isf(CHANCES)
    total = np.zeros((len(WINDOWS), CHANCES.size))
    last = np.full(total.shape, -1.0)
    blocks = max(1, round(millions * 1e6 / n))
    for block in range(blocks):
        noise = np.fft.rfft(rng.standard_normal(n))
        for w, spectrum in enumerate(spectra):
            add_gaps(np.fft.irfft(noise * spectrum, n), levels, last[w], total[w], float(block * n))
    return Passage(total, blocks * n)


def points(column: int, chi: Passage, gaussian: Passage) -> Floats:
    """Return ln(ARL r S), what -ln(chance) exceeds it by, and a weight, from all windows."""
    found = []
    for w, window in enumerate(WINDOWS):
        step = float(decorrelation(*forgetting_factors(window)))
        if column == 0:
            arl, rows = gaussian.total[w] / gaussian.rows, gaussian.rows
            x = 2.0 * np.sqrt(step) * np.maximum(stats.norm.isf(CHANCES), 0.0)
        else:
            v = len(FREEDOMS) - column
            arl, rows = chi.total[w, v] / chi.rows, chi.rows
            h = stats.chi2.isf(CHANCES, FREEDOMS[v])
            x = 2.0 * np.sqrt(step * np.maximum(h - FREEDOMS[v], 0.0) ** 2 / (2.0 * h))
        with np.errstate(divide="ignore"):
            y = np.log(arl * step * siegmund(x))
        good = (arl > 0) & (arl * FEWEST < rows) & (arl * CHANCES > 0.8)
        good &= (window >= 10) | (y > 3.0)  # short windows and short runs: not on the curve
        weight = np.minimum(rows / np.maximum(arl, 1e-9), 4000.0)
        found.append(np.column_stack([y, -np.log(CHANCES) - y, weight])[good])
    together = np.concatenate(found)
    return together[np.argsort(together[:, 0])]


def formula(y: float, skew: float) -> float:
    """Return the excess that clumping in continuous time gives: exp(-y) = 2 f(h) (h - nu)."""
    if skew == 0:
        h = brentq(lambda h: stats.norm.logpdf(h) + np.log(2 * h) + y, 0.75, 12.0)
        return float(-stats.norm.logsf(h) - y)
    freedom = 8.0 / skew**2
    sd = (2 * freedom) ** 0.5

    def excess(h: float) -> float:
        return float(stats.chi2.logpdf(h, freedom) + np.log(2 * (h - freedom)) + y)

    h = brentq(excess, freedom + 1.05 * sd, freedom + 100 + 40 * sd)
    return float(-stats.chi2.logsf(h, freedom) - y)


def column_of_table(column: int, chi: Passage, gaussian: Passage) -> list[float]:
    y, excess, weight = points(column, chi, gaussian).T
    low = (y > -1.6) & (y < 5.5)
    knots = np.arange(-0.5, 4.6)
    ties = np.arange(low.sum()) * 1e-9  # the spline wants rising places
    spline = LSQUnivariateSpline(y[low] + ties, excess[low], knots, w=weight[low] ** 0.5, k=3)
    high = y > SWITCH
    model = np.array([formula(each, SKEWS[column]) for each in y[high]])
    deviation = float(np.average(excess[high] - model, weights=weight[high]))
    entries = []
    for place in LOG_RATES:
        simulated = float(spline(place))
        modelled = formula(place, SKEWS[column]) + deviation if place > SWITCH else simulated
        near = SWITCH < place < 5.5
        entries.append(0.5 * (simulated + modelled) if near else modelled)
    return entries


def fit(chi: Passage, gaussian: Passage) -> Floats:
    columns = [column_of_table(c, chi, gaussian) for c in range(SKEWS.size)]
    return np.array(columns).T


def write(table: Floats) -> None:
    head = TABLE.read_text().partition("LOG_RATE")[0]
    rows = "".join(f"        [{', '.join(f'{x:.3f}' for x in row)}],\n" for row in table)
    rates, skews = LOG_RATES.tolist(), [round(float(skew), 6) for skew in SKEWS]
    TABLE.write_text(
        f"{head}LOG_RATE = np.array(\n    {rates}\n)\nSKEW = np.array({skews})\n"
        f"EXCESS = np.array(\n    [\n{rows}    ]\n)\n"
    )


def summed(files: list[Path], axes: int) -> Passage:
    kept = [stored for stored in map(np.load, files) if stored["total"].ndim == axes]
    rows = sum(int(stored["rows"]) for stored in kept)
    return Passage(np.sum([stored["total"] for stored in kept], axis=0), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("simulate", "gaussian"):
        sub = verbs.add_parser(verb)
        sub.add_argument("millions", type=float)
        sub.add_argument("seed", type=int)
    verbs.add_parser("fit").add_argument("files", nargs="+", type=Path)
    asked = parser.parse_args()
    if asked.verb == "fit":
        write(fit(summed(asked.files, 3), summed(asked.files, 2)))
        return
    work = simulate if asked.verb == "simulate" else simulate_gaussian
    total, rows = work(asked.millions, asked.seed)
    np.savez(f"{asked.verb}_{asked.seed}.npz", total=total, rows=rows)


if __name__ == "__main__":
    main()
