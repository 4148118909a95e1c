"""How atoms stand in the columns of a batch, and what every observable shares."""

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
"""The six columns after the atoms' where the simulation has a periodic box."""


def atom_channels(atoms: Sequence[Channel]) -> list[Channel]:
    """Return three columns an atom, ``name.x``, ``name.y`` and ``name.z``."""
    return [Channel(f"{a.name}.{axis}", a.unit, a.group) for a in atoms for axis in AXES]


def has_box(schema: Schema) -> bool:
    """Tell whether the last six columns are the box."""
    return schema.channels[-6:] == BOX


def atoms_of(schema: Schema) -> list[Channel]:
    """Return one channel an atom, its name without the axis.

    Raises
    ------
    DataError
        If the columns are not x, y and z of one atom after the other.
    """
    channels = schema.channels[:-6] if has_box(schema) else schema.channels
    names = [channel.name.rpartition(".") for channel in channels]
    stems = [stem for stem, _, axis in names if axis == "x"]
    wanted = [(stem, ".", axis) for stem in stems for axis in AXES]
    if not stems or names != wanted:
        raise DataError(
            f"columns must be name.x, name.y, name.z of one atom after the other, "
            f"got {schema.channel_names[:4]!r}...; read them with a TrajectorySource"
        )
    return [
        Channel(stem, channel.unit, channel.group)
        for stem, channel in zip(stems, channels[::3], strict=True)
    ]


def indices(name: str, given: Sequence[int], n_atoms: int) -> NDArray[np.int64]:
    """Return atom numbers as an array; all atoms where none are given.

    Raises
    ------
    ParameterError
        If one is not an atom of the rows.
    """
    wanted = np.asarray(given if len(given) else range(n_atoms), dtype=np.int64)
    beyond = wanted[(wanted < 0) | (wanted >= n_atoms)]
    if beyond.size:
        raise ParameterError(
            f"{name} must name atoms 0 to {n_atoms - 1} of the rows, got {int(beyond[0])}"
        )
    return wanted


def frames(n: int = 200, n_atoms: int = 6, box: bool = False) -> Batch:
    """Return seeded frames of a chain that tumbles, for checks."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(n, n_atoms, 3)).cumsum(axis=1).reshape(n, 3 * n_atoms)
    channels = atom_channels([Channel(f"a{i}", "Angstrom", f"R{i // 3}") for i in range(n_atoms)])
    if box:
        values = np.hstack([values, np.tile([20.0, 20.0, 20.0, 90.0, 80.0, 70.0], (n, 1))])
        channels = [*channels, *BOX]
    return Batch("example", np.arange(n), values, Schema(tuple(channels), "fs", "frame"))


class MolecularTransform(Operator):
    """An operator on the atoms of each row alone: what it makes of a schema is built once."""

    def __init__(self) -> None:
        self.state = {}
        self._given: Schema | None = None
        self._made: Schema | None = None

    def update(self, batch: Batch) -> tuple[Batch, list[Event]]:
        if self._made is None or (batch.schema is not self._given and batch.schema != self._given):
            self._made = self._prepare(batch.schema)
        self._given = batch.schema
        self._refuse_holes(batch)
        return batch.with_values(self._rows(batch), self._made), []

    @abstractmethod
    def _prepare(self, schema: Schema) -> Schema:
        """Return the schema of the rows that go on, and set what :meth:`_rows` needs."""

    @abstractmethod
    def _rows(self, batch: Batch) -> Floats:
        """Return the rows that go on."""

    def _atoms(self, schema: Schema) -> list[Channel]:
        if has_box(schema):
            raise DataError(
                f"{type(self).__name__} works on whole molecules and takes no box columns: "
                f"put Whole before it"
            )
        return atoms_of(schema)

    def _refuse_holes(self, batch: Batch) -> None:
        finite = np.isfinite(batch.values)
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            raise DataError(
                f"{series_prefix(batch.key)}coordinates must be finite, got "
                f"{batch.values[row, column]} in {batch.schema.channel_names[column]!r} at time "
                f"{batch.times[row]} {batch.schema.time_unit}; leave that "
                f"{batch.schema.row_label} out"
            )
