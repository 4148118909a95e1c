"""Every parameter of every component changes what the component does."""

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from streamlyt import registry, systems
from streamlyt.core import Batch, FeatureMap, Schema
from streamlyt.core.errors import DataError, MissingDependencyError, ParameterError
from streamlyt.detectors import SlidingMMD
from streamlyt.devices import Camera, SimulatedDevice
from streamlyt.features import FourierMap
from streamlyt.reservoirs import EchoStateNetwork, RobustForecaster
from streamlyt.systems import DynamicalSystem
from tests._parameters import REJECTED, choices, other_values
from tests._public_api import ROOT
from tests.test_operator_checks import operator_and_batch

# Component and parameter -> why no output differs, and the test that sees the parameter.
EXCEPTIONS = {
    **{
        f"{name}.threads": (
            "results do not depend on the number of threads",
            "tests/features/test_maps.py::test_features_do_not_depend_on_threads",
        )
        for name in ("fourier", "fastfood", "optical")
    },
    **{
        f"{name}.max_classes": (
            "a limit, beyond which rows are rejected",
            "tests/models/test_learners.py::test_more_than_max_classes_are_rejected",
        )
        for name in ("kernel_classifier", "logistic_regression")
    },
    **{
        f"array_api.{name}": (
            "the backend decides where features are computed, not which",
            "tests/features/test_array_api.py::test_all_back_ends_match_the_golden_vectors",
        )
        for name in ("backend", "device")
    },
    "reorder.late": (
        "a late row stops the run instead",
        "tests/transforms/test_reorder.py::test_a_late_row_may_stop_the_run",
    ),
}
OPERATORS = ("detectors", "transforms", "molecular", "models", "reservoirs", "integrations")


def rows_of_a_detector() -> Batch:
    """Rows with a change and one outlier, past the warm-up of every detector."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(2200, 3))
    values[1700:] += 1.5
    values[1500] = 9.0
    return Batch("a", np.arange(2200), values, Schema.of("x", "y", "z"))


def shuffled() -> Batch:
    """Return rows of few values with repeated times, in order."""
    rng = np.random.default_rng(0)
    times = np.sort(rng.integers(0, 150, size=300))
    return Batch("a", times, rng.integers(0, 2, size=(300, 2)) * 1.0, Schema.of("x", "y"))


def with_missing() -> Batch:
    """Return rows of which each channel lacks some."""
    values = np.random.default_rng(0).normal(size=(60, 2))
    values[20:22, 0] = values[40, 1] = np.nan
    return Batch("a", np.arange(60), values, Schema.of("x", "y"))


def two_labels() -> Batch:
    """Return rows with two columns of classes."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 4))
    values[:, 2:] = rng.integers(0, 3, size=(200, 2))
    return Batch("a", np.arange(200), values, Schema.of("x", "y", "first", "second"))


def shifting(n: int) -> Batch:
    """Return a wave of three channels with another one from the middle on."""
    times = np.arange(n)
    phase = np.where(times < n // 2, 0.3, 0.8)[:, None] * times[:, None] + np.arange(3)
    return Batch("a", times, np.sin(phase) * (1.0 + (times >= n // 2))[:, None], Schema.of(*"xyz"))


def field() -> Batch:
    """Return rows of eight neighboring channels."""
    values = np.random.default_rng(0).normal(size=(120, 8))
    return Batch("a", np.arange(120), values, Schema.of(*"abcdefgh"))


WINDOWS = ("count_window", "session_window", "sliding_window", "tumbling_window")
LOCAL = {"patch_size": 1, "halo": 1.0, "washout": 20, "reservoirs": EchoStateNetwork(20)}


def pairs() -> dict[str, tuple[dict[str, Any], tuple[Any, Any], Callable[[], Batch] | None]]:
    """Return what a signature does not show.

    Component and parameter -> parameters besides, two values, and rows, None for the usual ones.
    """
    aware = {
        "forecaster": RobustForecaster(3, 20, washout=10, calibration_rows=40),
        "warmup_rows": 60,
    }
    aware |= {"detector": SlidingMMD(20)}
    light = SimulatedDevice(Camera(8, read_noise=2.0, full_well=5000), levels=256)
    optical = {"n_components": 30}
    chain = [[0, 1, 2, 3], [1, 2, 3, 4]]
    return {
        **{f"{name}.statistics": ({}, (["mean"], ["max"]), None) for name in WINDOWS},
        **{
            f"{name}.target": ({}, ("first", "second"), two_labels)
            for name in ("kernel_classifier", "logistic_regression")
        },
        "deduplicate.by": ({}, ("row", "time"), shuffled),
        "missing_values.missing": ({}, ("drop", "ffill"), with_missing),
        "missing_values.channels": (
            {"missing": "ffill"},
            (None, {"x": "drop"}),
            with_missing,
        ),
        "reorder.max_buffered_rows": ({"max_out_of_orderness": 100}, (8192, 5), None),
        "dihedrals.quads": ({}, (chain, chain[:1]), None),
        "dihedrals.labels": ({"quads": chain}, (("a", "b"), ("c", "d")), None),
        "distances.pairs": ({}, ([[0, 1]], [[0, 2]]), None),
        "distances.atoms": ({}, ([0, 1, 2], [1, 2, 3, 4]), None),
        "superposition.fit": ({}, ([0, 1, 2], [2, 3, 4, 5]), None),
        "superposition.output_atoms": ({}, ([0, 1], [1, 4]), None),
        "unwrap.bond_tree": ({}, (list(range(-1, 5)), [-1, 0, 0, 0, 0, 0]), None),
        "reference_mmd.reference_rows": ({}, (416, 608), None),
        "deep_reservoir.reservoirs": (
            {},
            ([EchoStateNetwork(20)], [EchoStateNetwork(20), EchoStateNetwork(30)]),
            None,
        ),
        "change_aware_forecaster.detector": (
            aware,
            (None, SlidingMMD(20)),
            lambda: shifting(2400),
        ),
        "change_aware_forecaster.warmup_rows": (aware, (60, 200), lambda: shifting(2400)),
        "change_aware_forecaster.on_change": (aware, ("reset", "keep"), lambda: shifting(2400)),
        "optical_reservoir.device": (optical, (None, light), None),
        "optical_reservoir.exposure": ({**optical, "saturation": 40.0}, ("fixed", "auto"), None),
        "optical_reservoir.dither": (
            {**optical, "device": light, "n_average": 4},
            (False, True),
            None,
        ),
        "reservoir_forecaster.forgetting_factor": ({}, (1.0, 0.99), None),
        "reservoir_forecaster.halo": (LOCAL, (1.0, 2.0), field),
        "reservoir_forecaster.spacing": (LOCAL, (1.0, 0.5), field),
        "reservoir_forecaster.boundary": (LOCAL, ("periodic", "open"), field),
        "river.model": (
            {},
            ("linear_model.LinearRegression()", "neighbors.KNNRegressor()"),
            None,
        ),
    }


# Defaults for long streams; what is asserted does not depend on the size.
SMALLER: dict[str, dict[str, Any]] = {
    "echo_state_network": {"n_components": 24},
    "optical_reservoir": {"n_components": 24},
    "recurrent_kernel_forecaster": {"max_rows": 80, "washout": 10},
}
FEWER_ROWS = {
    "recurrent_kernel_forecaster": 110,
    "echo_state_network": 80,
    "optical_reservoir": 80,
    "online_segmentation": 700,
}


def outputs(component: Any, batch: Batch) -> list[Any]:
    """Return all that a component gives for rows; those of a system are its own."""
    if isinstance(component, FeatureMap):
        values = batch.values[:20]
        features = component(values)
        return [features.dtype, features.tobytes(), component.kernel(values, values).tobytes()]
    if isinstance(component, DynamicalSystem):
        return [one.values.tobytes() for one, _ in component.read()]
    half = batch.n_rows // 2
    found: list[Any] = []
    for part in (batch.slice(0, half), batch.slice(half, batch.n_rows)):
        out, events = component.update(part)
        late = [each.values.tobytes() for each in component.late_rows()]
        found += [out.schema, out.times.tobytes(), out.values.tobytes(), repr(events), late]
    out, events = component.finish(batch.slice(0, 0))
    found += [out.schema, out.times.tobytes(), out.values.tobytes(), repr(events)]
    if hasattr(component, "forecast"):
        found.append(repr(component.forecast(6)))
    if hasattr(component, "forecast_interval"):
        with suppress(DataError):  # too few rows for intervals
            found.append(repr(component.forecast_interval(6)))
    return found


def example(category: str, name: str) -> tuple[Any, Batch]:
    """Return a component with parameters and rows that use them."""
    if category == "features":
        cls = registry.get_component(category, name)
        own = {"features": FourierMap(48)} if name == "array_api" else {"n_components": 48}
        return cls(**own), rows_of_a_detector()
    if category == "systems":
        return getattr(systems, name)(n_rows=30, transient=1.0), rows_of_a_detector()
    component, batch = operator_and_batch(category, name)
    batch = rows_of_a_detector() if category == "detectors" else batch
    smaller = SMALLER.get(name, {})
    component = type(component)(**{**component.get_params(), **smaller})
    return component, batch.slice(0, FEWER_ROWS.get(name, batch.n_rows))


def bases(cls: type[Any], given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the given parameters, and the same with one choice made otherwise.

    Some parameters act under one choice of another one only: a quantile with one null model.
    """
    yield given
    for name in inspect.signature(cls).parameters:
        for value in choices(cls, name, given) if isinstance(given[name], str) else ():
            if value != given[name]:
                yield given | {name: value}


def is_seen(cls: type[Any], name: str, given: dict[str, Any], batch: Batch) -> bool:
    """Return whether some two values of a parameter give different outputs."""
    for base in bases(cls, given):
        try:
            expected = outputs(cls(**base), batch)
        except REJECTED:
            continue
        for value in other_values(cls, name, base):
            try:
                if outputs(cls(**{**base, name: value}), batch) != expected:
                    return True
            except REJECTED:
                continue
    return False


def components() -> Iterator[Any]:
    for category in (*OPERATORS, "features"):
        for name in registry.component_names(category):
            yield pytest.param(category, name, id=f"{category}/{name}")
    for name in systems.__all__:
        cls = getattr(systems, name)
        if inspect.isclass(cls) and issubclass(cls, DynamicalSystem) and cls is not DynamicalSystem:
            yield pytest.param("systems", name, id=f"systems/{name}")


@pytest.mark.parametrize(("category", "name"), list(components()))
def test_every_parameter_changes_the_output(category: str, name: str) -> None:
    try:
        component, batch = example(category, name)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    cls, given, special = type(component), component.get_params(), pairs()
    unseen = []
    for parameter in given:
        case = f"{name}.{parameter}"
        if case in special:
            besides, values, rows = special[case]
            rows_of_case = batch if rows is None else rows()
            one, other = (
                outputs(cls(**{**given, **besides, parameter: value}), rows_of_case)
                for value in values
            )
            seen = one != other
        else:
            seen = case in EXCEPTIONS or is_seen(cls, parameter, given, batch)
        if not seen:
            unseen.append(parameter)
    assert unseen == []


def test_exceptions_are_parameters_and_name_tests_that_exist() -> None:
    names = {
        f"{component.values[1]}.{parameter}"
        for component in components()
        for parameter in _parameters(*component.values)
    }
    assert {*EXCEPTIONS, *pairs()} <= names
    for _, test in EXCEPTIONS.values():
        file, _, function = test.partition("::")
        assert f"def {function}(" in (ROOT / file).read_text(), test


def _parameters(category: str, name: str) -> list[str]:
    cls = (
        getattr(systems, name) if category == "systems" else registry.get_component(category, name)
    )
    return list(inspect.signature(cls).parameters)


def test_every_parameter_of_connectors_codecs_and_panels_is_set_in_a_test_of_theirs() -> None:
    unset = []
    for category in ("connectors", "codecs", "dashboards"):
        for name in registry.component_names(category):
            for kind in registry.CATEGORIES[category]:
                with suppress(ParameterError, MissingDependencyError):
                    cls = registry.get_component(category, name, kind)
                    words = _set_with(cls.__name__, f'"{name}"', f'type = "{name}"')
                    unset += [
                        f"{cls.__name__}.{parameter.name}"
                        for parameter in inspect.signature(cls).parameters.values()
                        # No test can do without those that have no default.
                        if parameter.default is not inspect.Parameter.empty
                        and parameter.name not in words
                    ]
    assert unset == []


def _set_with(*names: str) -> set[str]:
    """Return the words that are arguments, entries or lines of TOML where a class is named."""
    words: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text()
        if path.name != "test_parameters.py" and any(name in text for name in names):
            words.update(re.findall(r"\b(\w+) ?=(?!=)", text), re.findall(r"\"(\w+)\":", text))
    return words
