"""Anomaly models: scores match naive references, thresholds keep their rate."""

import numpy as np
import pytest
from scipy.stats import genpareto

from streamlyt.core import Batch, Schema
from streamlyt.core.errors import DataError, ParameterError
from streamlyt.models import KernelDensity, Mahalanobis, OneClassSVM
from streamlyt.models._kernels.alarm_thresholds import tail_quantile, update_thresholds
from streamlyt.models._scaling.quantile_scaler import to_scores
from tests._arrays import assert_all, assert_same_bits

MODELS = [KernelDensity, OneClassSVM, Mahalanobis]
DISTRIBUTIONS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "chi-square": lambda rng, n: rng.chisquare(5, size=n),
    "log-normal": lambda rng, n: np.exp(rng.normal(size=n)),
    "uniform": lambda rng, n: rng.random(n),
    "Student 3": lambda rng, n: np.abs(rng.standard_t(3, size=n)),
}


def part(scores, rate, size=2048, cuts=()):
    """Return the threshold before each score."""
    ring, counts = np.zeros(size), np.zeros(1, dtype=np.int64)
    level, out = np.array([np.inf, 0.0, 0.0]), np.empty(len(scores))
    for part in np.split(np.arange(len(scores)), cuts):
        result = np.empty(len(part))
        update_thresholds(scores[part], rate, ring, counts, level, result)
        out[part] = result
    return out


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("rate", [1e-2, 1e-3])
def test_false_alarm_rate_matches_the_nominal_rate(distribution, rate):
    scores = DISTRIBUTIONS[distribution](np.random.default_rng(0), 200_000)
    alarms = scores > part(scores, rate)
    assert 0.75 < alarms[2048:].mean() / rate < 1.3
    young = [DISTRIBUTIONS[distribution](np.random.default_rng(seed), 2048) for seed in range(40)]
    early = [(scores > part(scores, rate))[128:].mean() for scores in young]
    assert np.mean(early) / rate < 2.2


def test_rate_is_kept_when_the_distribution_of_scores_drifts():
    rng = np.random.default_rng(0)
    scores = rng.exponential(size=100_000) * np.linspace(1, 5, 100_000)
    alarms = scores > part(scores, 1e-2)
    assert 0.8 < alarms[2048:].mean() / 1e-2 < 1.25


def test_outliers_do_not_mask_later_anomalies():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=20_000)
    wild = np.arange(2500, 20_000, 700)
    scores[wild] = 1e6
    thresholds = part(scores, 1e-3)
    assert_all(np.isfinite, thresholds[wild])
    assert thresholds[5000:].max() < 8


@pytest.mark.bits
def test_thresholds_are_batch_invariant():
    scores = np.random.default_rng(0).normal(size=3000)
    whole = part(scores, 1e-3)
    assert_same_bits(part(scores, 1e-3, cuts=[1, 64, 65, 700, 2999]), whole)


def test_tail_quantile_matches_its_distribution():
    rng = np.random.default_rng(0)
    for shape in (-0.3, 0.0, 0.2):
        scores = genpareto.rvs(shape, size=20_000, random_state=rng)
        result = tail_quantile(np.sort(scores), 1e-4)
        assert abs(result / genpareto.isf(1e-4, shape) - 1) < 0.25
    assert tail_quantile(np.ones(500), 1e-3) == 1.0
    assert tail_quantile(np.arange(1000.0), 0.1) == 899.0


def rows(n=1500, d=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))


def test_density_is_the_weighted_mean_of_products():
    x = rows(700)
    model = KernelDensity(forgetting_factor=0.99)
    scores, _ = model.score(x)
    features = model._features_of(to_scores(model.state, x))
    for t in (300, 699):
        weights = 0.99 ** np.arange(t - 1, -1, -1.0)
        expected = 1 - weights @ (features[:t] @ features[t]) / weights.sum()
        np.testing.assert_allclose(scores[t], expected, rtol=1e-9)


def test_half_space_follows_the_gradient():
    x = rows(400)
    model = OneClassSVM(nu=0.3, learning_rate=0.01)
    scores, _ = model.score(x)
    f = model._features_of(to_scores(model.state, x))
    w = f[:256].mean(axis=0)
    rho = np.quantile(f[:256] @ w, 0.3)
    for t in [*range(256), *range(256, 400)]:
        score = rho - w @ f[t]
        if t >= 256:
            np.testing.assert_allclose(scores[t], score, atol=1e-9)
        w = (1 - 0.01) * w + (0.01 / 0.3) * (score > 0) * f[t]
        rho += 0.01 * (1 - (score > 0) / 0.3)


def test_mahalanobis_matches_the_inverse_matrix():
    x = rows(600)
    model = Mahalanobis(forgetting_factor=1.0, ridge=0.1)
    scores, _ = model.score(x)
    on_scores = to_scores(model.state, x)
    f = model._features_of(on_scores)
    t, m = 599, f.shape[1]
    matrix = f[:t].T @ f[:t] + 0.1 * np.eye(m)
    np.testing.assert_allclose(scores[t], t / m * f[t] @ np.linalg.solve(matrix, f[t]), rtol=1e-8)
    matrix += np.outer(f[t], f[t])
    expected = 600 / m * np.einsum("ij,ji->i", f[:5], np.linalg.solve(matrix, f[:5].T))
    np.testing.assert_allclose(model.anomaly_score(x[:5]), expected, rtol=1e-8)


@pytest.mark.parametrize("cls", MODELS)
def test_scoring_without_learning_does_not_change_scores(cls):
    x = rows(800)
    model = cls(false_alarm_rate=0.01)
    model.score(x[:700])
    asked = model.anomaly_score(x[700:701])
    level = model.threshold
    scores, thresholds = model.score(x[700:])
    np.testing.assert_allclose(asked, scores[:1], rtol=1e-9)
    assert level == thresholds[0]


@pytest.mark.parametrize("cls", MODELS)
def test_models_keep_the_nominal_rate_and_detect_anomalies(cls):
    x = rows(20_000, 2)
    scores, thresholds = cls(false_alarm_rate=0.01).score(x)
    assert 0.008 < (scores > thresholds)[1000:].mean() < 0.0125
    model = cls(false_alarm_rate=0.01)
    model.score(x[:3000])
    far = model.anomaly_score(np.array([[6.0, -6.0], [0.1, 0.2]])) > model.threshold
    assert far.tolist() == [True, False]


@pytest.mark.parametrize("cls", MODELS)
def test_in_a_pipeline_an_anomaly_is_one_event_with_its_channel(cls):
    x = rows(1200)
    x[1000, 1] = 30.0
    model = cls(false_alarm_rate=1e-3)
    out, events = model.update(Batch("a", np.arange(1200), x, Schema.of("x", "y", "z")))
    assert out.schema.channel_names == ("x", "y", "z", "statistic", "threshold", "alarm")
    result = [event for event in events if event.alarm_index == 1000]
    assert len(result) == 1
    assert result[0].channels[0] == "y"
    assert result[0].change_index == 1000
    assert result[0].detector == type(model).__module__.rpartition(".")[2]


@pytest.mark.parametrize("cls", MODELS)
def test_rows_of_another_scale_are_relearned(cls):
    model = cls(false_alarm_rate=0.01)
    model.score(rows(1000))
    x = rows(3000, seed=1) * 1000 + 1e5
    scores, thresholds = model.score(x)
    assert (scores > thresholds)[1500:].mean() < 0.03
    assert_all(np.isfinite, thresholds[1500:])


@pytest.mark.parametrize("cls", MODELS)
def test_missing_values_huge_values_and_wrong_shapes(cls):
    model = cls()
    assert model.anomaly_score(np.zeros((2, 3))).tolist() == [0, 0]
    assert model.threshold == np.inf
    model.score(rows(600))
    typical = model.anomaly_score(np.array([[0.0, np.nan, np.nan]]))
    assert_all(np.isfinite, typical)
    before = {name: array.copy() for name, array in model.state.items()}
    for wrong in (np.array([[np.inf, 0, 0]]), np.array([[1e200, 0, 0]]), np.zeros((2, 2))):
        with pytest.raises(DataError, match="must"):
            model.score(wrong)
    assert_same_bits({name: model.state[name] for name in before}, before)
    model.add_inputs(4)
    assert_all(np.isfinite, model.anomaly_score(np.zeros((1, 4))))
    with pytest.raises(DataError, match="width must be at least the present 4"):
        model.add_inputs(3)
    constant = cls()
    scores, _ = constant.score(np.ones((900, 2)))
    assert_all(np.isfinite, scores)


@pytest.mark.parametrize("cls", MODELS)
@pytest.mark.parametrize("rate", [0.0, 1e-5, 0.2, True])
def test_rates_out_of_range_are_rejected(cls, rate):
    with pytest.raises(ParameterError, match="false_alarm_rate must be in"):
        cls(false_alarm_rate=rate)
