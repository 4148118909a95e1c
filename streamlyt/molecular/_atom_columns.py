"""Columns of atoms in a batch, and the base class of the molecular transforms."""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streamlyt.core import Batch, Channel, Event, Floats, Operator, Schema
from streamlyt.core.errors import DataError, ParameterError, series_prefix

__all__ = [
    "AXES",
    "BOX",
    "MolecularTransform",
    "atom_channels",
    "atoms_of",
    "frames",
    "has_box",
    "indices",
]

AXES = ("x", "y", "z")
BOX = tuple(
    Channel(f"box.{name}", unit, "box")
    for name, unit in zip(
        ("lx", "ly", "lz", "alpha", "beta", "gamma"),
        ("Angstrom",) * 3 + ("degree",) * 3,
        strict=True,
    )
)
"""The six columns after the atoms if the simulation has a periodic box."""


def atom_channels(atoms: Sequence[Channel]) -> list[Channel]:
    """Return three columns per atom, ``name.x``, ``name.y`` and ``name.z``."""
    return [Channel(f"{a.name}.{axis}", a.unit, a.group) for a in atoms for axis in AXES]


def has_box(schema: Schema) -> bool:
    """Return whether the last six columns are the box."""
    return schema.channels[-6:] == BOX


def atoms_of(schema: Schema) -> list[Channel]:
    """Return one channel per atom, named without the axis.

    Raises
    ------
    DataError
        If the columns are not x, y and z of consecutive atoms.
    """
    channels = schema.channels[:-6] if has_box(schema) else schema.channels
    names = [channel.name.rpartition(".") for channel in channels]
    stems = [stem for stem, _, axis in names if axis == "x"]
    expected = [(stem, ".", axis) for stem in stems for axis in AXES]
    if not stems or names != expected:
        raise DataError(
            f"columns must be name.x, name.y, name.z of consecutive atoms, "
            f"got {schema.channel_names[:4]!r}...; read them with a TrajectorySource"
        )
    return [
        Channel(stem, channel.unit, channel.group)
        for stem, channel in zip(stems, channels[::3], strict=True)
    ]


def indices(name: str, numbers: Sequence[int], n_atoms: int) -> NDArray[np.int64]:
    """Return atom numbers as an array; all atoms if ``numbers`` is empty.

    Raises
    ------
    ParameterError
        If a number is not an atom of the rows.
    """
    atoms = np.asarray(numbers if len(numbers) else range(n_atoms), dtype=np.int64)
    invalid = atoms[(atoms < 0) | (atoms >= n_atoms)]
    if invalid.size:
        raise ParameterError(
            f"{name} must be atom numbers from 0 to {n_atoms - 1}, got {int(invalid[0])}"
        )
    return atoms


def frames(n: int = 200, n_atoms: int = 6, box: bool = False) -> Batch:
    """Return random frames of a tumbling chain, for checks."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, n_atoms, 3)).cumsum(axis=1).reshape(n, 3 * n_atoms)
    channels = atom_channels([Channel(f"a{i}", "Angstrom", f"R{i // 3}") for i in range(n_atoms)])
    if box:
        values = np.hstack([values, np.tile([20.0, 20.0, 20.0, 90.0, 80.0, 70.0], (n, 1))])
        channels = [*channels, *BOX]
    return Batch("example", np.arange(n), values, Schema(tuple(channels), "fs", "frame"))


class MolecularTransform(Operator):
    """Operator on the atoms of each row; it derives the output schema once per input schema."""

    def __init__(self) -> None:
        self.state = {}
        self._input_schema: Schema | None = None
        self._output_schema: Schema | None = None

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        if self._output_schema is None or (
            batch.schema is not self._input_schema and batch.schema != self._input_schema
        ):
            self._output_schema = self._prepare(batch.schema)
        self._input_schema = batch.schema
        self._check_finite(batch)
        return batch.with_values(self._rows(batch), self._output_schema), []

    @abstractmethod
    def _prepare(self, schema: Schema) -> Schema:
        """Return the output schema, and set the attributes that :meth:`_rows` needs."""

    @abstractmethod
    def _rows(self, batch: Batch) -> Floats:
        """Return the output rows."""

    def _atoms(self, schema: Schema) -> list[Channel]:
        if has_box(schema):
            raise DataError(
                f"{type(self).__name__} needs unwrapped molecules without box columns; "
                f"add the unwrap operator before it"
            )
        return atoms_of(schema)

    def _check_finite(self, batch: Batch) -> None:
        finite = np.isfinite(batch.values)
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            raise DataError(
                f"{series_prefix(batch.key)}coordinates must be finite, got "
                f"{batch.values[row, column]} in {batch.schema.channel_names[column]!r} at time "
                f"{batch.times[row]} {batch.schema.time_unit}; remove this "
                f"{batch.schema.row_label}"
            )
