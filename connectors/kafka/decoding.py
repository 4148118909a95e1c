"""Messages of one partition as batches, one series each, and those that are no rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt.codecs import Codec, MessageRows
from streamlyt.core import Array, Batch, DeadLetter, Floats, Schema, split_unordered
from streamlyt.core.errors import ParameterError
from streamlyt.registry import get_component

from .missing_values import MissingValuePolicy, to_dead_letter

__all__ = [
    "DecodedBatch",
    "codec_of",
    "decode_batches",
    "group_messages",
    "name_and_rest",
    "schema_of",
    "without_levels_that_are_none",
]

_MS = 10**6  # nanoseconds
_LARGE = 2**14  # bytes of a message whose rows outweigh what a batch of its own costs


def name_and_rest(codec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the name of a codec and its own parameters."""
    rest = {"name": codec} if isinstance(codec, str) else dict(codec)
    name = rest.pop("name", None)
    if not isinstance(name, str):
        raise ParameterError(f"codec must be a name, or a table with a name, got {codec!r}")
    return name, rest


def codec_of(codec: str | Mapping[str, Any], **fields: Any) -> Codec:
    """Make a codec from its name, or from a table of its name and parameters."""
    name, rest = name_and_rest(codec)
    try:
        made: Codec = get_component("codecs", name)(**fields, **rest)
    except TypeError as error:
        raise ParameterError(f"codec {name!r} cannot be made of {rest!r}: {error}") from error
    return made


def schema_of(codec: Codec) -> Schema:
    """Return the schema of the rows that a codec gives."""
    step = codec.time is not None and codec.time_unit == "step"
    return Schema.of(*codec.columns, time_unit="step" if step else "ns")


@dataclass(frozen=True, slots=True, eq=False)
class DecodedBatch:
    """What came of some messages.

    Parameters
    ----------
    batches
        The rows, series by series in the order of their first rows. Within a series they stay in
        the order in which they came; where time goes back, the next batch begins.
    letters
        Messages that are none, or of which rows were refused.
    dropped, refused
        How many rows were left out for a hole, without a word or into a letter.
    """

    batches: list[Batch]
    letters: list[DeadLetter]
    dropped: int = 0
    take_dead_letters: int = 0


def group_messages(records: Sequence[Any], codec: Codec) -> Iterator[Sequence[Any]]:
    """Yield messages that are decoded together.

    Small ones: many rows at once cost less than each alone. A large one of columns is decoded
    alone: joined with others, all of its rows would be copied once more.
    """
    if not codec.columnar or codec.key is not None:
        yield records
        return
    start = 0
    for i, record in enumerate(records):
        if len(record.value or b"") >= _LARGE:
            if i > start:
                yield records[start:i]
            yield records[i : i + 1]
            start = i + 1
    if start < len(records):
        yield records[start:]


def decode_batches(
    records: Sequence[Any], codec: Codec, schema: Schema, holes: MissingValuePolicy
) -> DecodedBatch:
    """Decode messages.

    Parameters
    ----------
    records
        What kafka-python's consumer gives. A message without a value says that its key is gone,
        and has no rows.
    codec, schema
        How they are read, and what they are.
    holes
        What becomes of rows with a hole.
    """
    letters: list[DeadLetter] = []
    there = [record for record in records if record.value is not None]
    names: dict[bytes | None, str] = {}
    if codec.key is None:
        found = {key: _name(key) for key in {record.key for record in there}}
        names = {key: name for key, name in found.items() if name is not None}
        if len(names) < len(found):
            letters += [
                to_dead_letter(one, "the key must be UTF-8")
                for one in there
                if one.key not in names
            ]
            there = [record for record in there if record.key in names]
    decoded = codec.decode_all([record.value for record in there])
    letters += [to_dead_letter(there[i], str(error)) for i, error in decoded.errors.items()]
    rows = decoded.rows
    times = rows.times
    if times is None:
        stamps = np.fromiter((r.timestamp for r in there), np.int64, len(there)) * _MS
        times = np.repeat(stamps, decoded.rows_per_message)
    values, series = rows.values, _series(names, there, rows, decoded.rows_per_message)
    n_dropped = n_refused = 0
    if (left_out := holes.split(values)) is not None:
        dropped, refused = left_out
        n_dropped, n_refused = int(dropped.sum()), int(refused.sum())
        if n_refused:
            letters += holes.letters(there, codec, decoded, refused)
        if n_dropped or n_refused:
            whole = ~(dropped | refused)
            values, times = values[whole], times[whole]
            series = series if isinstance(series, str) else series[whole]
    return DecodedBatch(list(_cut(series, times, values, schema)), letters, n_dropped, n_refused)


def _series(
    names: Mapping[bytes | None, str],
    records: Sequence[Any],
    rows: MessageRows,
    counts: NDArray[np.int64],
) -> str | Array:
    """Return the name of the series of each row, or the one name that all have."""
    if rows.keys is None:
        if len(names) < 2:
            return next(iter(names.values()), "")
        each = np.array([names[record.key] for record in records], dtype=object)
        return each if (counts == 1).all() else np.repeat(each, counts)
    if len(set(rows.keys)) < 2:
        return next(iter(rows.keys), "")
    return np.array(rows.keys, dtype=object)


def _cut(
    series: str | Array, times: NDArray[np.int64], values: Floats, schema: Schema
) -> Iterator[Batch]:
    if isinstance(series, str):
        yield from split_unordered(series, times, values, schema)
        return
    number: dict[str, int] = {}
    codes = np.fromiter((number.setdefault(name, len(number)) for name in series), np.int64)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(number)))
    for name, start, end in zip(number, [0, *ends[:-1]], ends, strict=True):
        mine = order[start:end]
        yield from split_unordered(name, times[mine], values[mine], schema)


def _name(key: bytes | None) -> str | None:
    try:
        return "" if key is None else key.decode("utf-8")
    except UnicodeDecodeError:
        return None


def without_levels_that_are_none(batch: Batch) -> Batch:
    """Return rows whose threshold, infinite while a detector learns, is a hole: JSON has null."""
    names = batch.schema.channel_names
    if "threshold" not in names:
        return batch
    column = names.index("threshold")
    none = np.isposinf(batch.values[:, column])
    if not none.any():
        return batch
    values = batch.values.copy()
    values[none, column] = np.nan
    return batch.with_values(values, batch.schema)
