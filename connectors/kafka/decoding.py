"""Decode messages of one partition into batches of one series each, and dead letters."""

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
    "mask_infinite_thresholds",
    "schema_of",
    "split_codec",
]

_MS = 10**6  # nanoseconds
_LARGE = 2**14  # bytes from which a message is worth its own batch


def split_codec(codec: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Split a codec setting into its name and parameters."""
    parameters = {"type": codec} if isinstance(codec, str) else dict(codec)
    name = parameters.pop("type", None)
    if not isinstance(name, str):
        raise ParameterError(f"codec must be a name or a table with a type, got {codec!r}")
    return name, parameters


def codec_of(codec: str | Mapping[str, Any], **fields: Any) -> Codec:
    """Create a codec from its name, or from a table of name and parameters."""
    name, parameters = split_codec(codec)
    try:
        created: Codec = get_component("codecs", name)(**fields, **parameters)
    except TypeError as error:
        raise ParameterError(
            f"codec {name!r} cannot be created from {parameters!r}: {error}"
        ) from error
    return created


def schema_of(codec: Codec) -> Schema:
    """Return the schema of decoded rows."""
    step = codec.time_column is not None and codec.time_unit == "step"
    return Schema.of(*codec.columns, time_unit="step" if step else "ns")


@dataclass(frozen=True, slots=True, eq=False)
class DecodedBatch:
    """Result of decoding some messages.

    Parameters
    ----------
    batches
        The rows, series by series in the order of their first rows. Within a series rows keep
        the order of the messages; a new batch starts where time decreases.
    dead_letters
        Dead letters: undecodable messages, and messages with rejected rows.
    dropped, rejected
        Number of rows with missing values that were dropped, or moved to a dead letter.
    """

    batches: list[Batch]
    dead_letters: list[DeadLetter]
    dropped: int = 0
    rejected: int = 0


def group_messages(records: Sequence[Any], codec: Codec) -> Iterator[Sequence[Any]]:
    """Yield groups of messages to decode together.

    Small messages are joined: one call for many rows is faster. A large columnar message is
    decoded alone, because joining would copy all of its rows.
    """
    if not codec.columnar or codec.key_column is not None:
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
    records: Sequence[Any], codec: Codec, schema: Schema, missing: MissingValuePolicy
) -> DecodedBatch:
    """Decode messages.

    Parameters
    ----------
    records
        Records of the kafka-python consumer. A message without a value is a tombstone and has
        no rows.
    codec, schema
        Codec of the messages and schema of the rows.
    missing
        Policy for rows with missing values.
    """
    letters: list[DeadLetter] = []
    with_value = [record for record in records if record.value is not None]
    names: dict[bytes | None, str] = {}
    if codec.key_column is None:
        decoded_keys = {key: _name(key) for key in {record.key for record in with_value}}
        names = {key: name for key, name in decoded_keys.items() if name is not None}
        if len(names) < len(decoded_keys):
            letters += [
                to_dead_letter(record, "the key must be UTF-8")
                for record in with_value
                if record.key not in names
            ]
            with_value = [record for record in with_value if record.key in names]
    decoded = codec.decode_all([record.value for record in with_value])
    letters += [to_dead_letter(with_value[i], str(error)) for i, error in decoded.errors.items()]
    rows = decoded.rows
    times = rows.times
    if times is None:
        stamps = np.fromiter((r.timestamp for r in with_value), np.int64, len(with_value)) * _MS
        times = np.repeat(stamps, decoded.rows_per_message)
    values, series = rows.values, _series(names, with_value, rows, decoded.rows_per_message)
    n_dropped = n_rejected = 0
    if (masks := missing.split(values)) is not None:
        dropped, rejected = masks
        n_dropped, n_rejected = int(dropped.sum()), int(rejected.sum())
        if n_rejected:
            letters += missing.rejected_messages(with_value, codec, decoded, rejected)
        if n_dropped or n_rejected:
            complete = ~(dropped | rejected)
            values, times = values[complete], times[complete]
            series = series if isinstance(series, str) else series[complete]
    return DecodedBatch(list(_cut(series, times, values, schema)), letters, n_dropped, n_rejected)


def _series(
    names: Mapping[bytes | None, str],
    records: Sequence[Any],
    rows: MessageRows,
    counts: NDArray[np.int64],
) -> str | Array:
    """Return the key of each row, or the one key of all rows."""
    if rows.keys is None:
        if len(names) < 2:
            return next(iter(names.values()), "")
        by_message = np.array([names[record.key] for record in records], dtype=object)
        return by_message if (counts == 1).all() else np.repeat(by_message, counts)
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
        own = order[start:end]
        yield from split_unordered(name, times[own], values[own], schema)


def _name(key: bytes | None) -> str | None:
    try:
        return "" if key is None else key.decode("utf-8")
    except UnicodeDecodeError:
        return None


def mask_infinite_thresholds(batch: Batch) -> Batch:
    """Replace infinite thresholds (detector warm-up) by NaN, which JSON writes as null."""
    names = batch.schema.channel_names
    if "threshold" not in names:
        return batch
    column = names.index("threshold")
    infinite = np.isposinf(batch.values[:, column])
    if not infinite.any():
        return batch
    values = batch.values.copy()
    values[infinite, column] = np.nan
    return batch.with_values(values, batch.schema)
