import numpy as np
import pytest

from streamlyt.core.errors import ParameterError
from streamlyt.evaluate import GENERATORS, change_stream, no_change_stream
from tests._arrays import assert_same_bits

# Mean and variance of a channel without a change, from the definition of the generator.
MOMENTS = {
    "gaussian": (0, 1),
    "laplace": (0, 2),
    "uniform": (0.5, 1 / 12),
    "binary": (0.3, 0.21),
    "autoregressive": (0, 1),
}


@pytest.mark.parametrize("generator", MOMENTS)
def test_no_change_rows_have_the_moments_of_their_generator(generator):
    draw = no_change_stream(generator, seed=1)
    rows = np.concatenate([draw(7000), draw(13_000)])
    mean, variance = MOMENTS[generator]
    assert np.allclose(rows.mean(axis=0), mean, atol=0.05)
    assert np.allclose(rows.var(axis=0), variance, rtol=0.1)
    kept = np.mean(rows[1:] * rows[:-1], axis=0) - rows.mean(axis=0) ** 2
    assert np.allclose(kept / variance, 0.5 if generator == "autoregressive" else 0, atol=0.05)


def test_mixture_has_ten_components_of_small_spread():
    rows = no_change_stream("mixture", seed=1)(20_000)
    assert rows.shape == (20_000, 100)
    # A component has variance one in the mean; the centers add a tenth of what their own spread is.
    assert np.mean(rows.var(axis=0)) == pytest.approx(1 + 0.04 * 10 ** (2 / 100), rel=0.05)


@pytest.mark.parametrize("generator", GENERATORS)
def test_rows_depend_on_the_seed_alone(generator):
    assert_same_bits(no_change_stream(generator, 3)(50), no_change_stream(generator, 3)(50))
    assert not np.array_equal(
        no_change_stream(generator, 3)(50), no_change_stream(generator, 4)(50)
    )
    rows, changes = change_stream(generator, 3, 40, seed=5)
    again, _ = change_stream(generator, 3, 40, seed=5)
    assert_same_bits(rows, again)
    assert (len(rows), changes) == (120, [40, 80])


@pytest.mark.parametrize(
    ("generator", "moved", "by"), [("gaussian", 5, 1.0), ("uniform", 2, 0.3), ("binary", 10, 0.3)]
)
def test_every_other_segment_shifts_the_stated_number_of_means(generator, moved, by):
    rows, _ = change_stream(generator, 3, 4000, seed=0)
    first, second, third = (rows[at : at + 4000].mean(axis=0) for at in (0, 4000, 8000))
    steps = np.sort(second - first)
    assert np.allclose(steps[-moved:], by, atol=0.1)
    assert np.allclose(steps[:-moved], 0, atol=0.1)
    assert np.allclose(third, first, atol=0.1)


def test_laplace_widens_half_of_the_channels():
    rows, _ = change_stream("laplace", 2, 8000, seed=0)
    ratios = np.sort(rows[8000:].std(axis=0) / rows[:8000].std(axis=0))
    assert np.allclose(ratios[:10], 1, atol=0.1)
    assert np.allclose(ratios[10:], 1.5, atol=0.1)


def test_invalid_parameters_are_rejected():
    with pytest.raises(ParameterError, match=r"generator must be one of gaussian, .*got 'cauchy'"):
        no_change_stream("cauchy", 0)
    with pytest.raises(ParameterError, match="segments and length must be at least 1"):
        change_stream("gaussian", 0, 5, 0)
