"""Which columns of a table are channels, time and key, and their rows as arrays."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
import pyarrow as pa

from streamlyt.core import Array, Channel, Floats, Schema
from streamlyt.core.errors import DataError, FormatError, ParameterError

from .schema_inference import InferredSchema, infer_schema, numeric
from .text_readers import Table

__all__ = ["Columns"]

_SEVERAL = ("columns", "classes")  # parameters that name more than one column


class Columns:
    """The columns that a source reads.

    Parameters
    ----------
    path
        Where the table is, for messages.
    table
        It, or the first of several alike.
    columns, time, key, classes
        As of the source.

    Attributes
    ----------
    wanted
        Arrow type, as it is to be read, of each column by name.
    schema
        Of the rows.

    Raises
    ------
    ParameterError, FormatError
        If they do not fit the table.
    """

    def __init__(
        self,
        path: str,
        table: Table,
        columns: Sequence[str] | None,
        time: str | None,
        key: str | None,
        classes: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._path, self._table = path, table
        self._time, self._key = time, key
        self._words = {
            name: {word: float(i) for i, word in enumerate(words)}
            for name, words in (classes or {}).items()
        }
        kinds = table.kinds
        named = ("columns", columns), ("time", time), ("key", key), ("classes", [*self._words])
        for what, names in named:
            for name in [names] if isinstance(names, str) else names or []:
                if name not in kinds:
                    raise ParameterError(
                        f"{what} must name {'columns' if what in _SEVERAL else 'a column'} of "
                        f"{path}, got {name!r}; {_near(name, list(kinds))}"
                    )
        self._look: InferredSchema | None = None
        chosen = columns
        if chosen is None:
            look = self.look()
            measured = [name for name in look.numeric if name not in look.left_out]
            chosen = measured or list(look.numeric)  # a clock is all there is: better than nothing
        chosen = [*chosen, *(name for name in self._words if name not in chosen)]
        if not chosen:
            raise _no_columns_error(path, self.look())
        self._kinds = {n: pa.string() if n in self._words else pa.float64() for n in chosen}
        for name in chosen:
            words = pa.types.is_string(kinds[name])
            if name in self._words:
                words = words or pa.types.is_boolean(kinds[name])  # true and false are read so
            if not numeric(kinds[name]) and not words:
                raise ParameterError(
                    f"columns must be numeric, got {name!r} of {path}, which is {kinds[name]}"
                )
        unit, self._clock = _clock(path, time, kinds)
        wanted: dict[str, Any] = dict(self._kinds)
        if time is not None:
            wanted[time] = self._clock
        if key is not None:
            wanted[key] = pa.string()
        clash = {time, key} & set(chosen)
        if clash or (time is not None and time == key):
            raise ParameterError(
                f"time, key and columns must be different columns, got {sorted(map(str, clash))!r}"
            )
        self.wanted = wanted
        self.schema = Schema(tuple(Channel(name) for name in chosen), time_unit=unit)

    def look(self) -> InferredSchema:
        """Return what the first rows say of the columns."""
        if self._look is None:
            look = infer_schema(self._table, self._time, self._key)
            if look is None:
                raise FormatError(f"{self._path} must hold rows, got a header alone")
            self._look = look
        return self._look

    def arrays(self, table: Any, row: int) -> tuple[Floats, Array, Array | None]:
        """Return values (n, d), times (n,) and, where there is a key, names (n,) of a table."""
        values = np.empty((table.num_rows, len(self._kinds)))
        for i, name in enumerate(self._kinds):
            column = table.column(name)
            if name in self._words:
                values[:, i] = self._classes(name, column, row)
            else:
                values[:, i] = column.to_numpy()
        times = np.arange(row, row + table.num_rows)
        if self._time is not None:
            times = self._times(table.column(self._time), row)
        keys = None
        if self._key is not None:
            keys = np.array([k or "" for k in table.column(self._key).to_pylist()], dtype=object)
        return values, times, keys

    def _classes(self, name: str, column: Any, row: int) -> Floats:
        """Return the numbers of the words of a column, a hole where there is none."""
        known: dict[str | None, float] = {None: np.nan, "": np.nan}
        known.update(self._words[name].items())
        words = column.to_pylist()
        new = next((i for i, word in enumerate(words) if word not in known), None)
        if new is not None:
            raise DataError(
                f"{self._path}: {name!r} must be one of its {len(self._words[name])} classes, got "
                f"{words[new]!r} in row {row + new}; add it behind the others in classes"
            )
        return np.array([known[word] for word in words])

    def _times(self, column: Any, row: int) -> Array:
        raw = column.to_numpy() if pa.types.is_floating(self._clock) else None
        empty = column.is_null().to_numpy() if raw is None else ~np.isfinite(raw)
        if empty.any():
            raise DataError(
                f"{self._path}: every row must have a time, got none in {self._time!r} of row "
                f"{row + int(np.argmax(empty))}; fill it in, or leave the row out"
            )
        if raw is not None:
            return np.asarray(np.rint(raw * 1e9).astype(np.int64))
        return np.asarray(column.cast(pa.int64()).to_numpy())


def _near(name: str, known: list[str]) -> str:
    """Return the columns that a name may have meant, whatever its capitals."""
    small = {each.lower(): each for each in known}
    near = [small[each] for each in get_close_matches(name.lower(), small, n=3, cutoff=0.5)]
    longer = [each for each in known if name.lower() in each.lower()] if len(name) > 2 else []
    near += [each for each in longer if each not in near]
    if near:
        return f"did you mean {' or '.join(map(repr, near[:3]))}?"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return f"there are {', '.join(map(repr, known[:20]))}{more}"


def _no_columns_error(path: str, look: InferredSchema) -> FormatError:
    held = ", ".join(f"{name!r} ({why})" for name, why in list(look.left_out.items())[:20])
    what = f"{path} must have a numeric column, got {held or 'none beside time and key'}"
    if "text with decimal commas" in look.left_out.values():
        what += "; write decimal points in place of the commas"
    return FormatError(what)


def _clock(path: str, time: str | None, kinds: dict[str, Any]) -> tuple[str, Any]:
    """Return the unit of times and the type to read them as."""
    if time is None or pa.types.is_integer(kinds[time]):
        return "step", pa.int64()
    kind = kinds[time]
    if pa.types.is_floating(kind):
        return "ns", pa.float64()
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return "ns", pa.timestamp("ns", tz=getattr(kind, "tz", None))
    raise FormatError(
        f"time must be a column of numbers or ISO 8601 timestamps, got {time!r} of {path}, "
        f"which is {kind}; write it as 2024-01-31T12:00:00"
    )
