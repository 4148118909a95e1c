"""What bands are calibrated on: the newest rows, and a read-out from before them."""

import numpy as np

from streamlyt.core import Array, Floats
from streamlyt.core.errors import DataError, ParameterError

__all__ = ["Calibration"]

_SHARE = 0.2  # of all rows learnt: in a young stream less than ``rows`` must do


class Calibration:
    """Keeps the newest rows of a series in a ring, and solutions that had not learnt from them.

    There are two: ``lag`` serves, and ``next`` takes its place when it is as old as the
    calibration wants, so that ``lag`` is older than that by then and never much older than twice.

    Parameters
    ----------
    rows
        Newest rows wanted, or 0 to keep nothing.
    washout
        Rows that bring the reservoirs into the rhythm of a series.
    """

    def __init__(self, rows: int, washout: int) -> None:
        self.rows = rows
        self.washout = washout

    def start(self, head: Floats, weights: Floats) -> dict[str, Array]:
        """Return the memory after the washout: its rows, and twice the first weights."""
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
        """Put rows into the ring, the first of which is the next after ``learnt``."""
        if self.rows:
            ring = state["recent"]
            numbers = self.washout + learnt + np.arange(len(rows))
            if "gone.low" in state and (lost := numbers[numbers >= len(ring)]).size:
                left = ring[lost % len(ring)]
                state["gone.low"] = np.minimum(state["gone.low"], left.min(axis=0))
                state["gone.high"] = np.maximum(state["gone.high"], left.max(axis=0))
            ring[numbers % len(ring)] = rows

    def solved(self, weights: Floats, learnt: int, state: dict[str, Array]) -> None:
        """Take a new solution over so many rows."""
        waited = learnt - int(state["next.solved"]) if self.rows else -1
        if waited >= min(self.rows, _SHARE * learnt) and self.rows:
            state["lag.weights"], state["lag.solved"] = state["next.weights"], state["next.solved"]
            state["next.weights"], state["next.solved"] = weights.copy(), np.array(learnt)

    def kept(self, state: dict[str, Array], fewest: int) -> tuple[Floats, int]:
        """Return the rows of the ring in order, and after how many of them loops may begin.

        Raises
        ------
        ParameterError
            If nothing is kept.
        DataError
            If there are not so many moments as the ``fewest``.
        """
        if not self.rows:
            raise ParameterError("bands need a calibration above 0, got 0; take 2000 rows")
        ring = state["recent"]
        total = self.washout + int(state["learnt"])
        gone = max(0, total - len(ring))
        rows = np.roll(ring, -(total % len(ring)), axis=0) if gone else ring[:total]
        first = max(self.washout, self.washout + int(state["lag.solved"]) - gone)
        if len(rows) - first < fewest:
            raise DataError(
                f"these bands need at least {total + fewest - (len(rows) - first)} rows, got "
                f"{total}; learn more rows, or ask for a smaller coverage"
            )
        return rows, first

    def oldest(self, state: dict[str, Array], rows: Floats) -> int:
        """Return the number, from the begin of the series, of the first of the newest rows."""
        return self.washout + int(state["learnt"]) - len(rows)

    def known(
        self, state: dict[str, Array], horizon: int, ends: Array | None = None
    ) -> tuple[Floats, Floats] | None:
        """Return the lowest and the highest rows after which a horizon of rows is known.

        None where nobody asked for care. Shapes (m, d) for m moments, as numbers of rows from the
        begin of the series; (1, d) for now. Without a ring, the range of all rows.
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
        """Return what :meth:`kept` does and the number of the first row, as at a block's end.

        They stay what they are until another block of rows was learnt. A ring of less than a few
        blocks gives what it has.
        """
        rows, first = self.kept(state, 0)
        learnt, oldest = int(state["learnt"]), self.oldest(state, rows)
        if self.rows < 2 * block:
            return rows, first, oldest
        place = learnt % block
        wanted = max(0, self.washout + learnt - place + block - len(state["recent"]))
        cut = wanted - oldest
        return rows[cut : len(rows) - place], max(first - cut, self.washout), wanted
