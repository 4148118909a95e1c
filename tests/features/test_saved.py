import json
import pickle

import numpy as np
import pytest

from streamlyt.core.errors import StateError
from streamlyt.features import FastfoodMap, FourierMap, OpticalMap
from tests._arrays import assert_same_bits

MAPS = [
    OpticalMap(70, response="centred", construction="tiles", seed=2**62),
    FourierMap(70, scale=np.float64(0.5)),
    FastfoodMap(70),
]
each = pytest.mark.parametrize("features", MAPS, ids=repr)
VALUES = np.random.default_rng(0).normal(size=(3, 5))


@each
def test_a_saved_map_is_small_and_restores_the_same_map(features):
    phi = features(VALUES)
    for blob, back in (
        (features.save(), type(features).load(features.save())),
        (pickle.dumps(features), pickle.loads(pickle.dumps(features))),
    ):
        assert len(blob) < 1024
        assert back.get_params() == features.get_params()
        assert_same_bits(back(VALUES), phi)


@each
def test_another_version_is_rejected(features):
    known = json.loads(features.save())
    for version in (known["version"] + 1, 0, None, "1"):
        blob = json.dumps({**known, "version": version}).encode()
        with pytest.raises(StateError, match=f"must have version 1, got {version!r}; create"):
            type(features).load(blob)
    for state in ({**features.__getstate__(), "version": 2}, {"seed": 0}):
        with pytest.raises(StateError, match="must have version 1, got"):
            type(features).__new__(type(features)).__setstate__(state)


@pytest.mark.parametrize("blob", [b"", b"\xff", b"[]", b"3", b"{}", b'{"version": 1}'])
def test_invalid_bytes_are_rejected(blob):
    with pytest.raises(StateError, match=r"must come from save\(\)"):
        OpticalMap.load(blob)


def test_another_class_or_unknown_parameters_are_rejected():
    with pytest.raises(StateError, match="must be of 'FourierMap', got 'OpticalMap'"):
        FourierMap.load(MAPS[0].save())
    known = json.loads(MAPS[2].save())
    known["params"]["colour"] = 1
    with pytest.raises(StateError, match="must have the parameters of its class"):
        FastfoodMap.load(json.dumps(known).encode())
