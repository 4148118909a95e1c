"""Messages of one partition as batches, one series each, and those that are no rows."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamlyt._arrival import as_they_came
from streamlyt.base import Array, Batch, Floats, Schema
from streamlyt.catalog import find
from streamlyt.codecs import Codec, DeadLetter, Rows
from streamlyt.errors import ParameterError

__all__ = ["batches_of", "codec_of", "name_and_rest", "schema_of"]

_MS = 10**6  # nanoseconds


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
        made: Codec = find("codecs", name)(**fields, **rest)
    except TypeError as error:
        raise ParameterError(f"codec {name!r} cannot be made of {rest!r}: {error}") from error
    return made


def schema_of(codec: Codec) -> Schema:
    """Return the schema of the rows that a codec gives."""
    step = codec.time is not None and codec.time_unit == "step"
    return Schema.of(*codec.columns, time_unit="step" if step else "ns")


def batches_of(
    records: Sequence[Any], codec: Codec, schema: Schema, holes: str
) -> tuple[list[Batch], list[DeadLetter], int]:
    """Return the rows of messages, series by series in the order of their first rows.

    And the messages that are none, and how many rows were left out for a hole.

    Within a series rows stay in the order in which they came; where time goes back, the next
    batch begins.

    Parameters
    ----------
    records
        What kafka-python's consumer gives. A message without a value says that its key is gone,
        and has no rows.
    codec, schema
        How they are read, and what they are.
    holes
        ``"pass"``, or ``"drop"`` to leave rows with a hole out.
    """
    letters: list[DeadLetter] = []
    there = [record for record in records if record.value is not None]
    names: list[str] = []
    if codec.key is None:
        named = {}
        for record in there:
            if record.key not in named:
                named[record.key] = _name(record.key)
        bad = {key for key, name in named.items() if name is None}
        if bad:
            letters += [_letter(r, "the key must be UTF-8") for r in there if r.key in bad]
            there = [record for record in there if record.key not in bad]
        names = [named[record.key] or "" for record in there]
    decoded = codec.decode_all([record.value for record in there])
    letters += [_letter(there[i], str(error)) for i, error in decoded.errors.items()]
    rows = decoded.rows
    times = rows.times
    if times is None:
        stamps = np.fromiter((r.timestamp for r in there), np.int64, len(there)) * _MS
        times = np.repeat(stamps, decoded.counts)
    values, series = rows.values, _series(names, rows, decoded.counts)
    n = len(values)
    if holes == "drop" and np.isnan(values).any():
        whole = ~np.isnan(values).any(axis=1)
        values, times = values[whole], times[whole]
        series = series if isinstance(series, str) else series[whole]
    return list(_cut(series, times, values, schema)), letters, n - len(values)


def _series(names: Sequence[str], rows: Rows, counts: NDArray[np.int64]) -> str | Array:
    """Return the name of the series of each row, or the one name that all have."""
    each: Sequence[str] = names if rows.keys is None else rows.keys
    if len(set(each)) < 2:
        return next(iter(each), "")
    array = np.array(each, dtype=object)
    return np.repeat(array, counts) if rows.keys is None else array


def _cut(
    series: str | Array, times: NDArray[np.int64], values: Floats, schema: Schema
) -> Iterator[Batch]:
    if isinstance(series, str):
        yield from as_they_came(series, times, values, schema)
        return
    number: dict[str, int] = {}
    codes = np.fromiter((number.setdefault(name, len(number)) for name in series), np.int64)
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(number)))
    for name, start, end in zip(number, [0, *ends[:-1]], ends, strict=True):
        mine = order[start:end]
        yield from as_they_came(name, times[mine], values[mine], schema)


def _name(key: bytes | None) -> str | None:
    try:
        return "" if key is None else key.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _letter(record: Any, reason: str) -> DeadLetter:
    return DeadLetter(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        reason,
        record.timestamp * _MS,
    )
