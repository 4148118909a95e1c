"""Calibration data of the prediction intervals: recent rows, and an earlier readout."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError

__all__ = ["Calibration"]

_SHARE = 0.2  # of all learned rows; bounds the calibration of a young stream


class Calibration:
    """Ring buffer of the newest rows of a series, and solutions that did not learn them.

    There are two solutions: ``lag`` is in use, and ``next`` replaces it when it is as old as the
    calibration requires. So ``lag`` is older than that, but hardly more than twice as old.

    Parameters
    ----------
    rows
        Number of calibration rows; 0: none.
    washout
        Rows that synchronize the reservoirs with a series.
    """

    def __init__(self, rows: int, washout: int) -> None:
        self.rows = rows
        self.washout = washout

    def start(self, head: Floats, weights: Floats) -> dict[str, Array]:
        """Return the initial state after the washout: its rows, and the first weights twice."""
        if not self.rows:
            return {}
        ring = np.zeros((self.washout + 2 * self.rows, head.shape[1]))
        ring[: len(head)] = head
        never = np.array(0)
        return {
            "recent": ring,
            "lag.weights": weights.copy(),
            "lag.solved": never,
            "next.weights": weights.copy(),
            "next.solved": never,
        }

    def keep(self, rows: Floats, learnt: int, state: dict[str, Array]) -> None:
        """Append rows to the ring buffer; the first one has number ``learnt``."""
        if self.rows:
            ring = state["recent"]
            numbers = self.washout + learnt + np.arange(len(rows))
            if "gone.low" in state and (lost := numbers[numbers >= len(ring)]).size:
                left = ring[lost % len(ring)]
                state["gone.low"] = np.minimum(state["gone.low"], left.min(axis=0))
                state["gone.high"] = np.maximum(state["gone.high"], left.max(axis=0))
            ring[numbers % len(ring)] = rows

    def solved(self, weights: Floats, learnt: int, state: dict[str, Array]) -> None:
        """Store a new solution over ``learnt`` rows."""
        age = learnt - int(state["next.solved"]) if self.rows else -1
        if age >= min(self.rows, _SHARE * learnt) and self.rows:
            state["lag.weights"], state["lag.solved"] = state["next.weights"], state["next.solved"]
            state["next.weights"], state["next.solved"] = weights.copy(), np.array(learnt)

    def kept(self, state: dict[str, Array], fewest: int) -> tuple[Floats, int]:
        """Return the rows of the ring buffer in order, and the first allowed forecast origin.

        Raises
        ------
        ParameterError
            If ``rows`` is 0.
        DataError
            If there are fewer than ``fewest`` origins.
        """
        if not self.rows:
            raise ParameterError("calibration must be positive for intervals, got 0; use 2000 rows")
        ring = state["recent"]
        total = self.washout + int(state["learnt"])
        gone = max(0, total - len(ring))
        rows = np.roll(ring, -(total % len(ring)), axis=0) if gone else ring[:total]
        first = max(self.washout, self.washout + int(state["lag.solved"]) - gone)
        if len(rows) - first < fewest:
            raise DataError(
                f"this coverage needs at least {total + fewest - (len(rows) - first)} rows, got "
                f"{total}; learn more rows, or use a smaller coverage"
            )
        return rows, first

    def oldest(self, state: dict[str, Array], rows: Floats) -> int:
        """Return the number in the series of the first stored row."""
        return self.washout + int(state["learnt"]) - len(rows)

    def known(
        self, state: dict[str, Array], horizon: int, ends: Array | None = None
    ) -> tuple[Floats, Floats] | None:
        """Return the minimum and maximum of the rows at least a horizon old.

        None without a robust state. Shapes (m, d) for m origins ``ends``, counted from the start of
        the series; (1, d) for the present. Without a ring buffer, the range of all rows.
        """
        if "low" not in state:
            return None
        if not self.rows:
            return state["low"], state["high"]
        rows, _ = self.kept(state, 0)
        oldest = self.oldest(state, rows)
        numbers = np.array([oldest + len(rows)]) if ends is None else ends
        fewest = 0 if oldest else self.washout - 1
        at = np.maximum(numbers - oldest - horizon, fewest)
        low = np.minimum.accumulate(np.vstack([state["gone.low"], rows]))
        high = np.maximum.accumulate(np.vstack([state["gone.high"], rows]))
        return low[at], high[at]

    def settled(self, state: dict[str, Array], block: int) -> tuple[Floats, int, int]:
        """Return the result of :meth:`kept` and the number of the first row, as of the last block.

        The result is constant until the next block is complete. A ring buffer of less than two
        blocks returns its present rows.
        """
        rows, first = self.kept(state, 0)
        learnt, oldest = int(state["learnt"]), self.oldest(state, rows)
        if self.rows < 2 * block:
            return rows, first, oldest
        place = learnt % block
        start = max(0, self.washout + learnt - place + block - len(state["recent"]))
        cut = start - oldest
        return rows[cut : len(rows) - place], max(first - cut, self.washout), start
