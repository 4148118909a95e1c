"""Every back-end gives the same map: NumPy compiled and not, other array libraries, PyTorch."""

import builtins
import copy
import hashlib
import json
import pickle
import sys

import array_api_strict
import numpy as np
import pytest

from streamlyt import features as public_maps
from streamlyt.core.errors import DataError, MissingDependencyError, ParameterError
from streamlyt.features import ArrayAPIMap, FourierMap, OpticalMap
from streamlyt.features._array_api import feature_maps
from streamlyt.features._array_api.hadamard import by_products, by_sums, factors
from streamlyt.features._base import projection
from tests._arrays import assert_same_bits
from tests.features import naive
from tests.features.write_golden import GOLDEN, rows, sampled

KEPT = json.loads(GOLDEN.read_text())


def compiled(features, values):
    return features(values)


def portable(features, values):
    return ArrayAPIMap(features)(values)


def strict(features, values):
    phi = features(array_api_strict.asarray(values))
    assert isinstance(phi, type(array_api_strict.asarray(values)))
    return np.from_dlpack(phi)


def torch_cpu(features, values):
    torch = pytest.importorskip("torch")
    phi = features(torch.asarray(values.copy()))
    assert isinstance(phi, torch.Tensor)
    return phi.numpy()


def torch_cuda(features, values):
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device here")
    phi = features(torch.asarray(values.copy(), device="cuda"))
    assert phi.device.type == "cuda"
    return phi.cpu().numpy()


def as_numpy(array):
    return array_api_strict.asarray(array, device=array_api_strict.Device("CPU_DEVICE"))


BACKENDS = [compiled, portable, strict, torch_cpu, torch_cuda]


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.__name__)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_all_back_ends_match_the_golden_vectors(backend, dtype):
    for kept in KEPT:
        features = getattr(public_maps, kept["map"])(kept["m"], dtype=dtype, **kept["parameters"])
        phi = backend(features, rows(kept["d"]))
        assert phi.shape == (3, kept["m"])
        assert phi.dtype == dtype
        golden = np.array(kept["features"])
        error = 1e-12 if dtype == "float64" else 2e-5  # powers and cosines of large projections
        limit = error * np.abs(golden).max()
        np.testing.assert_allclose(phi[:, sampled(kept["m"])], golden, rtol=0, atol=limit)


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: f"{kept['map']}-{kept['d']}-{kept['m']}")
def test_array_api_definition_agrees_in_every_feature(kept):
    features = getattr(public_maps, kept["map"])(kept["m"], dtype="float64", **kept["parameters"])
    values = np.random.default_rng(0).normal(size=(5, kept["d"])) / np.sqrt(kept["d"])
    expected = features(values)
    found = ArrayAPIMap(features)(values)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("response", [1.0, "centred"])
@pytest.mark.parametrize("field", ["complex", "real"])
def test_binary_maps_have_an_array_api_form(response, field):
    bits = np.random.default_rng(2).integers(0, 2, size=(4, 150))
    options = {"response": response, "field": field, "dtype": "float64"}
    features = OpticalMap(200, construction="binary", **options)
    np.testing.assert_allclose(ArrayAPIMap(features)(bits), features(bits), atol=1e-12)


def test_numpy_back_end_runs_no_compiled_loop(monkeypatch):
    def refuse(*arguments):
        raise AssertionError("compiled")

    values = rows(6)
    expected = OpticalMap(100)(values)
    for loop in ("structured_rows", "dense_rows"):
        monkeypatch.setattr(projection, loop, refuse)
    np.testing.assert_allclose(ArrayAPIMap(OpticalMap(100))(values), expected, atol=1e-6)
    with pytest.raises(AssertionError, match="compiled"):
        OpticalMap(100)(values)


MAPS = [
    OpticalMap(700, construction="dense"),
    OpticalMap(700),
    OpticalMap(96, construction="dense", response="centred", bias=0.5),
    OpticalMap(500, response="centred", field="real", dtype="float64"),
    OpticalMap(300, response="phase"),
    OpticalMap(300, response=0.5, dtype="float64"),
    OpticalMap(300, response="exp"),
    FourierMap(2500),
    FourierMap(200, construction="dense", dtype="float64"),
    public_maps.FastfoodMap(600),
]


@pytest.mark.bits
@pytest.mark.parametrize("features", MAPS, ids=repr)
def test_array_api_map_is_batch_invariant(features):
    features = ArrayAPIMap(features)
    values = np.random.default_rng(1).normal(size=(600, 19))
    full = features(values)
    for cuts in ([1], [7], [256], [599], range(1, 40), [3, 4, 300, 303]):
        assert_same_bits(np.concatenate([features(x) for x in np.split(values, cuts)]), full)
    assert_same_bits(features(np.asfortranarray(values)), full)


@pytest.mark.bits
@pytest.mark.parametrize("features", MAPS, ids=repr)
def test_another_library_is_batch_invariant(features):
    values = np.random.default_rng(2).normal(size=(70, 19))
    full = strict(features, values)
    for cuts in ([1], [7, 40], [69]):
        assert_same_bits(
            np.concatenate([strict(features, x) for x in np.split(values, cuts)]), full
        )
    assert_same_bits(full, portable(features, values))


@pytest.mark.bits
@pytest.mark.parametrize(
    ("construction", "expected"),
    [("dense", "7c18912c0cd0b663"), ("structured", "0a93e1d3e609a746")],
)
def test_array_api_projections_have_the_same_bits_on_every_processor(construction, expected):
    # A square uses products and sums alone; other responses use functions of the library.
    features = ArrayAPIMap(OpticalMap(700, construction=construction, response=2))
    values = np.random.default_rng(3).normal(size=(50, 19))
    assert hashlib.sha256(features(values).tobytes()).hexdigest()[:16] == expected


def test_devices_other_than_the_cpu_receive_tiles_of_one_shape(monkeypatch):
    device = array_api_strict.Device("device1")
    values = array_api_strict.asarray(np.random.default_rng(4).normal(size=(300, 5)), device=device)
    rows, real = [], feature_maps._tile
    monkeypatch.setattr(
        feature_maps, "_tile", lambda xp, x, *rest: rows.append(x.shape[0]) or real(xp, x, *rest)
    )
    found = [np.from_dlpack(as_numpy(OpticalMap(50)(values[:count, :]))) for count in (1, 40, 300)]
    assert rows == [256, 256, 256, 256]
    for some in found:
        np.testing.assert_allclose(some, found[-1][: len(some)], atol=2e-5 * found[-1].max())


def test_empty_rows_integers_and_booleans_are_accepted():
    features = OpticalMap(30, seed=4)
    xp = array_api_strict
    assert features(xp.zeros((0, 5))).shape == (0, 30)
    bits = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 0, 1]])
    expected = features(bits)
    for dtype in (xp.int32, xp.bool, xp.float32):
        phi = np.from_dlpack(features(xp.astype(xp.asarray(bits), dtype)))
        np.testing.assert_allclose(phi, expected, atol=1e-6)


def test_arrays_stay_on_their_device():
    device = array_api_strict.Device("device1")
    values = array_api_strict.asarray(rows(8), device=device)
    for features in (
        OpticalMap(50),
        FourierMap(50, construction="dense"),
        OpticalMap(50, response="exp"),
    ):
        phi = features(values)
        assert phi.device == device
        np.testing.assert_allclose(np.from_dlpack(as_numpy(phi)), features(rows(8)), atol=1e-6)


def test_arrays_of_other_libraries_are_rejected_like_numpy_arrays():
    xp = array_api_strict
    for wrong in (xp.zeros((5,)), xp.zeros((3, 0)), xp.zeros((2, 2, 2))):
        with pytest.raises(DataError, match=r"shape \(n, d\)"):
            OpticalMap(10)(wrong)
    with pytest.raises(DataError, match=r"real, got .*complex128"):
        OpticalMap(10)(xp.asarray([[1.0 + 2.0j]]))


def test_a_missing_value_is_rejected():
    values = np.random.default_rng(4).normal(size=(6, 5))
    values[2, 1] = np.nan
    for call in (
        ArrayAPIMap(OpticalMap(100)),
        lambda x: OpticalMap(100)(array_api_strict.asarray(x)),
    ):
        with pytest.raises(DataError, match=r"must be finite as float(32|64), got"):
            call(values)


@pytest.mark.parametrize("bits", [0, 1, 2, 6, 7, 9, 11, 14, 15, 20])
def test_factors_give_the_transform_of_every_width(bits):
    matrices = factors(1 << bits)
    assert np.prod([len(factor) for factor in matrices]) == 1 << bits
    assert max(len(factor) for factor in matrices) <= 128
    if bits <= 11:
        full = naive.hadamard(1 << bits)
        columns = np.random.default_rng(bits).integers(-9, 10, size=(1 << bits, 3)).astype(float)
        assert_same_bits(by_sums(np, columns), full @ columns)
        assert_same_bits(by_products(np, columns, matrices), full @ columns)


def test_array_api_map_has_the_kernel_and_scale_of_its_map():
    values = np.random.default_rng(5).normal(size=(4, 6))
    features = ArrayAPIMap(OpticalMap(64, response=2, scale=0.5))
    inner = features.features
    assert_same_bits(features.kernel(values, values), inner.kernel(values, values))
    assert_same_bits(features.variance(values, values), inner.variance(values, values))
    wider = features.with_scale(3.0)
    assert wider.scale == wider.features.scale == 1.5
    np.testing.assert_allclose(wider(values), inner(3.0 * values), rtol=1e-4)


def test_array_api_map_is_cloned_copied_and_pickled_by_its_parameters():
    values = rows(7)
    features = ArrayAPIMap(OpticalMap(40, seed=2), backend="numpy")
    phi = features(values)
    twins = features.clone(), copy.deepcopy(features), pickle.loads(pickle.dumps(features))
    for twin in twins:
        assert repr(twin) == repr(features)
        assert_same_bits(twin(values), phi)
    assert (features(array_api_strict.asarray(values)) - array_api_strict.asarray(phi)).shape


def test_invalid_parameters_are_rejected():
    with pytest.raises(ParameterError, match="backend must be one of 'numpy', 'torch', got 'tpu'"):
        ArrayAPIMap(OpticalMap(10), backend="tpu")
    with pytest.raises(ParameterError, match="device must be available to numpy, got 'cuda'"):
        ArrayAPIMap(OpticalMap(10), device="cuda")
    with pytest.raises(ParameterError, match="features must be a projection map"):
        ArrayAPIMap(ArrayAPIMap(OpticalMap(10)))


def test_a_missing_back_end_is_reported(monkeypatch):
    real = builtins.__import__

    def without_torch(name, *rest, **more):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return real(name, *rest, **more)

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(builtins, "__import__", without_torch)
    with pytest.raises(MissingDependencyError, match=r"torch is needed .* 'streamlyt\[torch\]'"):
        ArrayAPIMap(OpticalMap(10), backend="torch")


def test_torch_back_end_returns_numpy_and_rejects_unknown_devices():
    pytest.importorskip("torch")
    features = OpticalMap(300, response="phase", dtype="float64")
    phi = ArrayAPIMap(features, backend="torch")(rows(9))
    assert type(phi) is np.ndarray
    np.testing.assert_allclose(phi, features(rows(9)), atol=1e-13)
    with pytest.raises(ParameterError, match="device must be available to torch, got 'moon'"):
        ArrayAPIMap(features, backend="torch", device="moon")
