import numpy as np
import pytest

from streamlyt import registry
from streamlyt.core import Batch, Channel, Operator, Schema
from streamlyt.core.batch import example_batch
from streamlyt.core.errors import DataError, MissingDependencyError
from streamlyt.features import FourierMap
from streamlyt.molecular import BOX
from streamlyt.operator_checks import check_example, check_operator, yield_checks
from streamlyt.reservoirs import EchoStateNetwork, ReservoirForecaster


def molecule(n=200, atoms=6):
    """A jittering chain of atoms, as read from a trajectory."""
    rng = np.random.default_rng(0)
    chain = np.cumsum(rng.normal(size=(atoms, 3)), axis=0)
    values = (chain + 0.1 * rng.normal(size=(n, atoms, 3))).reshape(n, -1)
    channels = [Channel(f"A{i}.{axis}", "A", f"R{i}") for i in range(atoms) for axis in "xyz"]
    return Batch("m", np.arange(n), values, Schema(tuple(channels)))


def boxed(n=200):
    """The same in a cubic box of 50 angstrom."""
    inside = molecule(n)
    values = np.column_stack([inside.values, np.tile([50.0, 50, 50, 90, 90, 90], (n, 1))])
    return Batch("m", inside.times, values, Schema((*inside.schema.channels, *BOX)))


# Operators that require atoms instead of any columns: their arguments, and their rows.
MOLECULAR = {
    "dihedrals": ({"quads": [[0, 1, 2, 3], [1, 2, 3, 4]]}, molecule),
    "distances": ({}, molecule),
    "superposition": ({}, molecule),
    "unwrap": ({"parents": range(-1, 5)}, boxed),
}


# Operators with defaults for long streams: the contract holds at any size, and a small one reaches
# its bounds within the rows of a check.
SMALL = {
    "change_aware_forecaster": lambda: {
        "forecaster": ReservoirForecaster(EchoStateNetwork(40), washout=20)
    },
    "kernel_classifier": lambda: {"features": FourierMap(48)},
    "reservoir_forecaster": lambda: {
        "reservoirs": EchoStateNetwork(40),
        "washout": 20,
        "calibration_rows": 100,
    },
    "recurrent_kernel_forecaster": lambda: {"max_rows": 160, "washout": 20},
    "robust_forecaster": lambda: {"n_components": 48, "calibration_rows": 100},
    "kernel_regressor": lambda: {"features": FourierMap(48)},
    "rls": lambda: {"features": FourierMap(48)},
    "online_segmentation": lambda: {"max_window": 256, "n_components": 64},
}

# Their checks are slow, and separate tests compare their bits on several processors.
OWN_TESTS_OF_BITS = ("multiscale_newma", "recurrent_kernel_forecaster", "online_segmentation")


def all_operators():
    for category in ("detectors", "transforms", "molecular", "models", "reservoirs"):
        for name in registry.component_names(category):
            marks = () if name in OWN_TESTS_OF_BITS else pytest.mark.bits
            yield pytest.param(category, name, id=f"{category}/{name}", marks=marks)


def operator_and_batch(category, name):
    cls = registry.get_component(category, name)
    if name in MOLECULAR and not hasattr(cls, "_check_example"):
        arguments, rows = MOLECULAR[name]
        return cls(**arguments), rows()
    operator, batch = check_example(cls)
    return (cls(**SMALL[name]()) if name in SMALL else operator), batch


@pytest.mark.parametrize(("category", "name"), list(all_operators()))
def test_every_registered_operator_satisfies_the_contract(category, name):
    try:
        operator, batch = operator_and_batch(category, name)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    check_operator(operator, batch)


class Mean(Operator):
    """An exponential mean that satisfies the contract; each subclass below violates one check."""

    def __init__(self, forget=0.25):
        self.forget = forget
        self.state = {}

    def update(self, batch):
        if not np.isfinite(batch.values).all():
            raise DataError("missing values are rejected")
        if batch.n_rows:
            self.state.setdefault("mean", np.zeros(3))
        out = np.empty((batch.n_rows, 3))
        for i, row in enumerate(batch.values):
            out[i] = self.process_row(row)
        return batch.with_values(out, batch.schema), []

    def process_row(self, row):
        self.state["mean"] = self.state["mean"] + self.forget * (row - self.state["mean"])
        return self.state["mean"]


def test_valid_operator_passes():
    check_operator(Mean(), example_batch())


class DeletesItsParameter(Mean):
    def __init__(self, forget=0.25):
        super().__init__(forget)
        del self.forget

    def process_row(self, row):
        return row


class HidesItsParameter(Mean):
    def __repr__(self):
        return "HidesItsParameter()"


class ChangesItsParameter(Mean):
    def process_row(self, row):
        self.forget *= 0.99
        return super().process_row(row)


class ClonesItsState(Mean):
    def clone(self):
        clone = super().clone()
        clone.state = dict(self.state)
        return clone


class KeepsStateInItsClass(Mean):
    total = np.zeros(3)

    def process_row(self, row):
        self.total += row
        return self.total.copy()


class DrawsFromTheGlobalGenerator(Mean):
    def process_row(self, row):
        return super().process_row(row) + np.random.normal()  # noqa: NPY002 - what it does wrong


class DependsOnBatchBoundaries(Mean):
    def update(self, batch):
        return batch.with_values(batch.values - batch.values[:1], batch.schema), []


class CountsHeartbeats(Mean):
    def update(self, batch):
        out, events = super().update(batch)
        if not batch.n_rows:
            self.state["beats"] = self.state.get("beats", np.zeros(1)) + 1
        return out, events


class HidesState(Mean):
    def __init__(self, forget=0.25):
        super().__init__(forget)
        self.hidden = np.zeros(3)

    def process_row(self, row):
        self.hidden = self.hidden + row
        return self.hidden


class ModifiesItsInput(Mean):
    def update(self, batch):
        result = super().update(batch)
        values = batch.values.base if batch.values.base is not None else batch.values
        if values.flags.writeable:
            values[:] = 0.0
        return result


class KeepsAViewOfItsInput(Mean):
    def update(self, batch):
        before = self.state.get("last")
        out = np.array(batch.values)
        if batch.n_rows:
            if before is not None:
                out[0] += before
            out[1:] += batch.values[:-1]
            self.state["last"] = batch.values[-1]
        return batch.with_values(out, batch.schema), []


class StaysMissingForever(Mean):
    def update(self, batch):
        if batch.n_rows:
            self.state.setdefault("mean", np.zeros(3))
        out = np.array([self.process_row(row) for row in batch.values]).reshape(-1, 3)
        return batch.with_values(out, batch.schema), []


class RejectsMissingValuesTooLate(Mean):
    def update(self, batch):
        if batch.n_rows:
            self.state.setdefault("mean", np.zeros(3))
        out = np.array([self.process_row(row) for row in batch.values]).reshape(-1, 3)
        if not np.isfinite(out).all():
            raise DataError("a missing value")
        return batch.with_values(out, batch.schema), []


class GrowsWithoutBound(Mean):
    def process_row(self, row):
        self.state["all"] = np.append(self.state.get("all", np.empty(0)), row[0])
        return super().process_row(row)


class KeepsObjects(Mean):
    def process_row(self, row):
        self.state["object"] = np.array([object()])
        return super().process_row(row)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (DeletesItsParameter, "forget"),
        (HidesItsParameter, "repr must contain 'forget'"),
        (ChangesItsParameter, "parameters must never change"),
        (ClonesItsState, "a clone must have no state"),
        (KeepsStateInItsClass, "a clone must start afresh"),
        (DrawsFromTheGlobalGenerator, "the same seed must give the same rows|start afresh"),
        (DependsOnBatchBoundaries, "rows must not depend on batch boundaries"),
        (CountsHeartbeats, "a heartbeat must not change the state"),
        (HidesState, "rows must not depend on resuming"),
        (ModifiesItsInput, "the input must not be modified"),
        (KeepsAViewOfItsInput, "the state must copy the input"),
        (StaysMissingForever, "missing values must be rejected or forgotten"),
        (RejectsMissingValuesTooLate, "a rejected row must not change the state"),
        (GrowsWithoutBound, "the state must be bounded"),
        (KeepsObjects, "must be an array of numbers"),
    ],
)
def test_violation_of_the_contract_is_detected(broken, message):
    with pytest.raises((AssertionError, AttributeError, ValueError), match=message):
        check_operator(broken(), example_batch())


def test_each_check_detects_a_violation():
    caught = set()
    for broken in Mean.__subclasses__():
        for check in yield_checks(broken()):
            try:
                check(broken(), example_batch())
            except (AssertionError, AttributeError, ValueError):
                caught.add(check.__name__)
    assert caught == {check.__name__ for check in yield_checks(Mean())}


def test_value_that_is_no_operator_is_rejected():
    with pytest.raises(AssertionError, match="must be a subclass of Operator"):
        check_operator(3, example_batch())
