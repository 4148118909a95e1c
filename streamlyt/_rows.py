"""What operators ask of the rows of a series before they take them."""

import numpy as np

from streamlyt.base import Batch
from streamlyt.errors import DataError, in_series

__all__ = ["check_finite", "check_width"]


def check_width(batch: Batch, known: int | None) -> None:
    """Refuse rows of another width than that of the first ones; None: these are the first."""
    if known is not None and known != batch.schema.width:
        raise DataError(
            f"{in_series(batch.key)}the number of channels must stay {known} as in the "
            f"first rows, got {batch.schema.width}; start a new series for other channels"
        )


def check_finite(batch: Batch) -> None:
    """Refuse rows with a hole (NaN) or an infinite value; the first one is named."""
    bad = ~np.isfinite(batch.values)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"{in_series(batch.key)}values must be finite, got {batch.values[row, column]} in "
            f"channel {batch.schema.names[column]!r} at time {batch.times[row]} "
            f"{batch.schema.time_unit}; put the operator 'missing' before this one, or with detect "
            f"give --missing drop"
        )
