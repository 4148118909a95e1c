"""The systems against general solvers, and their Lyapunov exponents."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from streamlyt.core.errors import ParameterError
from streamlyt.systems import (
    DynamicalSystem,
    KuramotoSivashinsky,
    Lorenz,
    Lorenz96,
    MackeyGlass,
    Rossler,
    largest_lyapunov_exponent,
    reliable_time,
)
from tests._arrays import assert_same_bits

SMALL = [
    Lorenz(transient=5.0),
    Rossler(transient=5.0),
    Lorenz96(sites=6, transient=5.0),
    MackeyGlass(transient=50.0),
    KuramotoSivashinsky(transient=5.0),
]


def lorenz(sigma=10.0, rho=28.0, beta=8 / 3):
    return lambda _, v: [
        sigma * (v[1] - v[0]),
        v[0] * (rho - v[2]) - v[1],
        v[0] * v[1] - beta * v[2],
    ]


def rossler(a=0.2, b=0.2, c=5.7):
    return lambda _, v: [-v[1] - v[2], v[0] + a * v[1], b + v[2] * (v[0] - c)]


def ring(forcing=8.0):
    return lambda _, v: (np.roll(v, -1) - np.roll(v, 2)) * np.roll(v, 1) - v + forcing


# Each parameter of the equations has a value of its own in one of the cases.
@pytest.mark.parametrize(
    ("system", "slope", "rows"),
    [
        (Lorenz(), lorenz(), 200),
        (Lorenz(sigma=9.0, rho=30.0, beta=2.5), lorenz(9.0, 30.0, 2.5), 200),
        (Rossler(), rossler(), 300),
        (Rossler(a=0.15, b=0.25, c=6.0), rossler(0.15, 0.25, 6.0), 300),
        (Lorenz96(sites=7), ring(), 60),
        (Lorenz96(sites=7, forcing=9.0), ring(9.0), 60),
    ],
    ids=lambda value: type(value).__name__,
)
def test_rows_match_a_general_solver(system, slope, rows):
    ours = system.sample(rows + 1)
    times = system.dt * np.arange(rows + 1)
    solved = solve_ivp(
        slope, (0, times[-1]), ours[0], method="DOP853", t_eval=times, rtol=1e-13, atol=1e-13
    )
    # both have rounding errors, which grow with the Lyapunov exponent
    assert np.abs(solved.y.T - ours).max() < 1e-8 * np.abs(ours).max()
    assert np.abs(solved.y.T - ours)[:20].max() < 1e-11 * np.abs(ours).max()


def mackey_glass_by_hand(past, h, steps, lag, beta=0.2, gamma=0.1, power=10):
    # RK4 with the delayed half-step by cubic interpolation through four known points
    x = list(past)

    def slope(now, delayed):
        return beta * delayed / (1 + delayed**power) - gamma * now

    for _ in range(steps):
        i = len(x) - 1
        d0, d1 = x[i - lag], x[i - lag + 1]
        half = (9 * (d0 + d1) - x[i - lag - 1] - x[i - lag + 2]) / 16
        now = x[i]
        k1 = slope(now, d0)
        k2 = slope(now + h / 2 * k1, half)
        k3 = slope(now + h / 2 * k2, half)
        k4 = slope(now + h * k3, d1)
        x.append(now + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    return np.array(x)


@pytest.mark.parametrize("given", [{}, {"beta": 0.25, "gamma": 0.12, "power": 8}])
def test_mackey_glass_matches_small_runge_kutta_steps(given):
    fine = MackeyGlass(dt=0.05, **given).sample(341 + 4000)[:, 0]
    by_hand = mackey_glass_by_hand(fine[:342], 0.05, 3999, 340, **given)
    assert np.abs(by_hand - fine).max() < 1e-6
    assert np.ptp(fine) > 0.4


@pytest.mark.parametrize("dt", [0.07, 0.25, 1.0, 3.0, 17.0])
def test_mackey_glass_rows_lie_on_one_curve(dt):
    curve = MackeyGlass(dt=0.01, transient=0.0).sample(8501)[:, 0]
    rows = MackeyGlass(dt=dt, transient=0.0).sample(int(85 / dt))[:, 0]
    at = np.rint(np.arange(1, len(rows) + 1) * dt / 0.01).astype(int) - 1
    assert np.abs(curve[at] - rows).max() < 1e-11


def test_field_converges_with_smaller_steps_and_more_points():
    system = KuramotoSivashinsky(transient=50.0)
    state = system._settled()
    rows, _ = system._advance(state, 40)
    finer, _ = system._advance(state, 40, 8)
    assert np.abs(rows - finer).max() < 1e-5
    wide = KuramotoSivashinsky(points=128)
    modes = np.zeros(65, complex)
    modes[:33] = 2 * state
    modes[32] /= 2
    more, _ = wide._advance(modes, 40)
    assert np.abs(rows - more[:, ::2]).max() < 1e-5


def test_field_steps_are_of_fourth_order():
    system = KuramotoSivashinsky(transient=50.0, dt=0.4)
    start = system._settled()
    ends = []
    for substeps in (16, 32, 128):
        stepper, state = system._stepper(substeps), start
        for _ in range(10 * substeps):
            state = stepper.step(state)
        ends.append(state)
    coarse, fine = (np.abs(end - ends[2]).max() for end in ends[:2])
    assert 12 < coarse / fine < 20


@pytest.mark.bits
@pytest.mark.parametrize("system", SMALL, ids=lambda system: type(system).__name__)
def test_reading_resumes_at_any_position(system):
    if isinstance(system, KuramotoSivashinsky):
        system = KuramotoSivashinsky(transient=1.0, dt=0.05, points=16)
    endless = type(system)(**{**system.get_params(), "n_rows": 2500})
    full = np.concatenate([batch.values for batch, _ in endless.read()])
    assert full.shape == (2500, system.schema.n_channels)
    assert_same_bits(full[:1500], system.sample(1500))
    for row in (0, 1, 1023, 1024, 2499):
        parts = list(endless.read({"row": row}))
        assert_same_bits(np.concatenate([b.values for b, _ in parts]), full[row:])
        assert parts[0][0].times[0] == row
        assert parts[-1][1] == {"row": 2500}
    assert list(endless.read({"row": 2500})) == []


@pytest.mark.parametrize("system", SMALL, ids=lambda system: type(system).__name__)
def test_seeds_change_the_start_and_clones_do_not(system):
    other = type(system)(**{**system.get_params(), "seed": 1})
    assert np.abs(other.sample(5) - system.sample(5)).max() > 1e-3
    np.testing.assert_array_equal(system.clone().sample(5), system.sample(5))


@pytest.mark.parametrize(
    ("system", "duration", "within"),
    [
        (Lorenz(), 3000.0, 0.02),
        (Rossler(), 10000.0, 0.006),
        (Lorenz96(), 150.0, 0.1),
        (MackeyGlass(), 20000.0, 0.0009),
        (KuramotoSivashinsky(dt=1.0), 1500.0, 0.02),
    ],
    ids=lambda value: type(value).__name__,
)
def test_documented_exponents_match_the_measured_ones(system: DynamicalSystem, duration, within):
    assert (
        abs(
            largest_lyapunov_exponent(system, duration, every=4 * system.dt)
            - system.lyapunov_exponent
        )
        < within
    )


def test_exponents_of_other_parameters_are_none():
    assert Lorenz(rho=35.0).lyapunov_exponent is None
    assert MackeyGlass(tau=30.0).lyapunov_exponent is None
    assert KuramotoSivashinsky(length=60).lyapunov_exponent == 0.0846


def test_rows_are_reliable_for_thirty_lyapunov_times_and_not_forever():
    system = Lorenz()
    assert 28 < reliable_time(system, 60.0) * system.lyapunov_exponent < 42
    assert reliable_time(system, 5.0) == 5.0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Lorenz(dt=0.0), "dt must be a finite number above 0, got 0.0"),
        (lambda: Lorenz(-1), "n_rows must be at least 0 or None, got -1"),
        (lambda: Rossler(transient=-1.0), "transient must be a finite time"),
        (lambda: Lorenz96(sites=3), "sites must be at least 4, got 3"),
        (lambda: MackeyGlass(dt=18.0), "dt must be at most tau"),
        (lambda: MackeyGlass(power=2.5), "power must be a whole number"),
        (lambda: KuramotoSivashinsky(points=17), "points must be even and at least 16, got 17"),
        (lambda: KuramotoSivashinsky(length=float("nan")), "length must be a finite number"),
    ],
)
def test_invalid_parameters_are_rejected(make, message):
    with pytest.raises(ParameterError, match=message):
        make()
