"""Tables made by chance, on which the defaults of the models were chosen; none that judges them."""

from collections.abc import Callable, Mapping

import numpy as np

from streamlyt.core import Floats

__all__ = ["CLASSES", "NUMBERS", "Table"]

Table = tuple[Floats, Floats]
Rng = np.random.Generator


def smooth(rng: Rng, n: int = 3000, d: int = 3) -> Table:
    """A smooth function of all inputs together, noise of a fifth of it."""
    x = rng.normal(size=(n, d))
    w, b = rng.normal(size=(d, 40)), rng.uniform(0, 6.28, 40)
    y = np.cos(x @ w + b) @ rng.normal(size=40) / np.sqrt(20)
    return x, y + 0.2 * rng.normal(size=n)


def additive(rng: Rng, n: int = 3000, d: int = 8) -> Table:
    """Sums of functions of one input, one product, and half of the inputs for nothing."""
    x = rng.uniform(size=(n, d)) * rng.uniform(1, 100, d)
    u = x / x.max(axis=0)
    y = np.sin(6 * u[:, 0]) + 3 * np.abs(u[:, 1] - 0.5) + 2 * u[:, 2] + 3 * u[:, 0] * u[:, 3]
    return x, y + 0.3 * rng.normal(size=n)


def heavy(rng: Rng, n: int = 3000, d: int = 6) -> Table:
    """Inputs over many decades, whose logarithms matter."""
    x = np.exp(2 * rng.normal(size=(n, d)))
    y = np.log(x[:, 0]) - np.maximum(np.log(x[:, 1]), 0) * np.log(x[:, 2]) / 2
    return x, y + 0.5 * rng.standard_t(3, size=n)


def drifting(rng: Rng, n: int = 4000, d: int = 5) -> Table:
    """A distribution that is another one at two moments, with noise."""
    x = rng.normal(size=(n, d))
    w = rng.normal(size=(3, d)).repeat(-(-n // 3), axis=0)[:n]
    return x, 5 + np.tanh((x * w).sum(axis=1)) * 3 + 0.3 * rng.normal(size=n)


def delayed(rng: Rng, n: int = 1500, d: int = 4) -> Table:
    """A slow walk seen with noise and delay, as polls see it."""
    y = 50 + np.cumsum(0.1 * rng.normal(size=n))
    lags = rng.integers(0, 5, d)
    x = np.column_stack([np.r_[np.full(k, y[0]), y[: n - k]] for k in lags])
    return np.column_stack([np.arange(n), x + 0.5 * rng.normal(size=(n, d))]), y


def bursts(rng: Rng, n: int = 1500, lags: int = 24) -> Table:
    """A seasonal walk with rare falls, from its past values."""
    walk = np.cumsum(0.1 * rng.normal(size=n))
    y = 100 + walk - 0.02 * np.cumsum(walk) / 50 + 0.5 * np.sin(np.arange(n) * 2 * np.pi / lags)
    for at in rng.integers(200, n - 10, 6):
        y[at : at + rng.integers(1, 8)] -= rng.uniform(5, 60)
    past = np.column_stack([np.r_[np.full(k, np.nan), y[: n - k]] for k in range(1, lags + 1)])
    return past, y


def faint(rng: Rng, n: int = 1500, d: int = 8) -> Table:
    """Almost nothing but noise with wide tails."""
    x = rng.standard_t(4, size=(n, d))
    return x, 0.1 * x[:, 0] + rng.standard_t(4, size=n)


def grown(rng: Rng, n: int = 900, groups: int = 30) -> Table:
    """Growth of some thirty animals, told by their number and time, time after time."""
    rate = rng.normal(8, 3, groups)
    who = np.tile(np.arange(groups), n // groups)
    when = np.repeat(np.arange(n // groups), groups)
    y = 40 + rate[who] * when + rng.normal(size=who.size) * (1 + when)
    return np.column_stack([when, who, who // (groups // 3)]).astype(float), y


def rings(rng: Rng, n: int = 3000) -> Table:
    """Two rings in the plane, one label in ten wrong."""
    c = rng.integers(0, 2, n)
    r, a = 1 + 1.2 * c + 0.35 * rng.normal(size=n), rng.uniform(0, 6.28, n)
    wrong = rng.random(n) < 0.1
    return np.column_stack([r * np.cos(a), r * np.sin(a)]), np.where(wrong, 1 - c, c).astype(float)


def clusters(rng: Rng, n: int = 2500, d: int = 12, classes: int = 6) -> Table:
    """Clusters, three a class, half of the inputs over decades."""
    centres = 1.1 * rng.normal(size=(3 * classes, d))
    which = rng.integers(0, 3 * classes, n)
    x = centres[which] + rng.normal(size=(n, d))
    x[:, ::2] = np.exp(1.5 * x[:, ::2])
    return x, (which % classes).astype(float)


def answers(rng: Rng, n: int = 1500, d: int = 9) -> Table:
    """Answers of 0, 1/2 and 1, and a class that follows their sum and one pair."""
    x = rng.integers(0, 3, size=(n, d)) / 2
    s = x @ rng.normal(size=d) + 2 * (x[:, 0] - 0.5) * (x[:, 1] - 0.5)
    return x, (s + 0.4 * rng.normal(size=n) > np.median(s)).astype(float)


def turning(rng: Rng, n: int = 4000, d: int = 6) -> Table:
    """Two classes on both sides of a plane that turns slowly."""
    x = rng.normal(size=(n, d))
    a = np.linspace(0, 3, n)
    s = x[:, 0] * np.cos(a) + x[:, 1] * np.sin(a) + 0.3 * x[:, 2] * x[:, 3]
    return x, (s + 0.3 * rng.normal(size=n) > 0).astype(float)


def rare(rng: Rng, n: int = 4000, d: int = 8) -> Table:
    """One row in fifty of another class, that lies in a corner."""
    x = rng.normal(size=(n, d))
    return x, ((x[:, 0] > 1.2) & (x[:, 1] > 0) & (rng.random(n) < 0.95)).astype(float)


NUMBERS: Mapping[str, Callable[[Rng], Table]] = {
    f.__name__: f for f in (smooth, additive, heavy, drifting, delayed, bursts, faint, grown)
}
CLASSES: Mapping[str, Callable[[Rng], Table]] = {
    f.__name__: f for f in (rings, clusters, answers, turning, rare)
}
