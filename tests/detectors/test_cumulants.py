import numpy as np

from streamlyt.detectors._null_model.cumulants import statistic_cumulants
from streamlyt.detectors._null_model.feature_moments import FeatureMoments
from streamlyt.detectors._null_model.forgetting_factors import forgetting_factors, power_sum
from tests.detectors import naive


def moments_of(p, f):
    """Moments of a discrete distribution, by sums over all pairs and triples of points."""
    q, c = f @ f.T, (f.T * p) @ f
    u = np.diagonal(q) - p @ np.diagonal(q)
    second = np.trace(c @ c)
    pu = p * u
    return FeatureMoments(
        *(float(np.trace(np.linalg.matrix_power(c, k))) for k in (1, 2, 3, 4)),
        u2=p @ u**2,
        u3=p @ u**3,
        u4=p @ u**4 - 3 * (p @ u**2) ** 2,
        q3=p @ q**3 @ p,
        q4=p @ q**4 @ p - 3 * second**2,
        u_qq=pu @ q**2 @ p,
        uu_q=pu @ q @ pu,
        u2_qq=(pu * u) @ q**2 @ p - (p @ u**2) * second,
        uu_qq=pu @ q**2 @ pu,
        u_qqq=pu @ q**3 @ p,
        u2u_q=(pu * u) @ q @ pu,
        u_ring=np.einsum("i,j,k,ij,jk,ki", pu, p, p, q, q, q),
        fork=np.einsum("i,j,k,ij,ik", p, p, p, q**2, q**2) - second**2,
        qq_ring=np.einsum("i,j,k,ij,jk,ki", p, p, p, q**2, q, q),
        uu_path=np.einsum("i,j,k,ij,jk", pu, p, pu, q, q),
        qq_path=np.einsum("i,j,k,ij,jk", p, p, pu, q**2, q),
    )


def test_cumulants_match_simulated_rows_of_a_skewed_distribution():
    rng = np.random.default_rng(2)
    p = rng.dirichlet(np.full(5, 3.0))
    f = rng.exponential(size=(5, 3)) * rng.normal(size=(5, 3))
    f -= p @ f
    fast, slow = forgetting_factors(5)
    expected = [float(k) for k in statistic_cumulants(fast, slow, moments_of(p, f), 8)]
    w, parts = naive.weights(fast, slow, 8), []
    for _ in range(40):
        rows = rng.choice(5, p=p, size=(50_000, 8))
        s = ((w @ f[rows]) ** 2).sum(axis=1) - expected[0]
        parts.append([(s**k).mean() for k in range(1, 5)])
    first, second, third, fourth = np.mean(parts, axis=0)
    error = np.std(parts, axis=0) / len(parts) ** 0.5
    assert abs(first) < 4 * error[0]
    assert abs(second - expected[1]) < 4 * error[1]
    assert abs(third - expected[2]) < 4 * error[2]
    assert abs(fourth - 3 * second**2 - expected[3]) < 4 * error[3]
    # The traces alone do not suffice: the rows are far from Gaussian.
    gaussian = statistic_cumulants(fast, slow, FeatureMoments(*_traces(moments_of(p, f))), 8)
    assert abs(float(gaussian[3]) - expected[3]) > 10 * error[3]


def _traces(moments):
    return moments.trace, moments.trace2, moments.trace3, moments.trace4


def test_only_the_gaussian_terms_remain_for_long_windows():
    fast, slow = forgetting_factors(1000)
    traces = (2.0, 1.0, 0.6, 0.4)
    ours = statistic_cumulants(fast, slow, FeatureMoments(*traces))
    kappa = float(power_sum(fast, slow, 2))
    scale = [kappa, 2 * kappa**2, 8 * kappa**3, 48 * kappa**4]
    assert np.allclose(ours, np.multiply(scale, traces), rtol=0.01)
