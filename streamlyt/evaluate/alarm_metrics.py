"""Alarms on line: how long until a false one, how late after a change, how many are missed."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import gammainccinv

from streamlyt.core.errors import ParameterError

__all__ = ["AlarmMatches", "RunLength", "match_alarms", "run_length"]

DOUBT = 0.05  # chance that the true mean lies below what is given as the least


@dataclass(frozen=True)
class RunLength:
    """The mean number of rows to a false alarm, as measured.

    Parameters
    ----------
    mean
        Rows to a false alarm in the mean; infinite where there was none.
    error
        Its standard error; infinite where there were fewer than two runs or no alarm.
    least
        The mean is at least this, by 95 %.
    alarms, rows
        Runs that ended in an alarm, and rows of all runs together.
    """

    mean: float
    error: float
    least: float
    alarms: int
    rows: int


def run_length(lengths: Sequence[int], ended: Sequence[bool] | None = None) -> RunLength:
    r"""Return the mean run length (ARL) of runs without a change, some of them cut short.

    With :math:`L_i` the rows of run i and :math:`D_i` one if it ended in an alarm and zero if the
    stream ended first,

    .. math:: \mathrm{ARL} = \frac{\sum_i L_i}{\sum_i D_i}, \qquad
        \mathrm{se} = \frac{1}{\sum_i D_i} \sqrt{\frac{n}{n - 1} \sum_i
        (L_i - \mathrm{ARL} \cdot D_i)^2}.

    Where all runs ended this is the plain mean and its standard error, whatever their law; the
    error is that of a ratio. Runs that were cut are counted rightly as far as the hazard of an
    alarm is the same at every row, which is what the first passage of a detector in a steady state
    comes to. The least is the bound of a Poisson count [1]_: without any alarm it is the rows over
    :math:`\ln 20`, about a third of them.

    Parameters
    ----------
    lengths
        Rows of each run, counted to its alarm, that row included.
    ended
        Which of them ended in an alarm; all if not given.

    Raises
    ------
    ParameterError
        If there are no runs, one is shorter than a row, or the two are not of one length.

    References
    ----------
    .. [1] F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.

    Examples
    --------
    >>> found = run_length([900, 1300, 2000], [True, True, False])
    >>> found.mean, found.alarms, found.rows
    (2100.0, 2, 4200)
    >>> run_length([3000], [False]).mean, round(run_length([3000], [False]).least)
    (inf, 1001)
    """
    done = [True] * len(lengths) if ended is None else list(ended)
    if not len(lengths) or len(lengths) != len(done) or min(lengths) < 1:
        raise ParameterError(
            "lengths must hold runs of at least one row, and ended a mark for each, got "
            f"lengths={lengths!r} and ended={ended!r}"
        )
    rows, alarms, runs = int(sum(lengths)), int(sum(map(bool, done))), len(lengths)
    least = rows / float(gammainccinv(alarms + 1.0, DOUBT))
    if not alarms:
        return RunLength(math.inf, math.inf, least, 0, rows)
    mean = rows / alarms
    error = math.inf
    if runs > 1:
        residuals = np.asarray(lengths, np.float64) - mean * np.asarray(done, np.float64)
        error = math.sqrt(runs / (runs - 1) * float(residuals @ residuals)) / alarms
    return RunLength(mean, error, least, alarms, rows)


@dataclass(frozen=True)
class AlarmMatches:
    """Alarms beside the changes that are known.

    Parameters
    ----------
    detected
        For each change the position of its alarm among the alarms, or None.
    delays
        Rows from each change that was found to its alarm, in order.
    missed
        Changes without an alarm.
    false_alarms
        Alarms that belong to no change.
    """

    detected: tuple[int | None, ...]
    delays: tuple[int, ...]
    missed: tuple[int, ...]
    false_alarms: tuple[int, ...]


def match_alarms(
    alarms: Sequence[int], changes: Sequence[int], within: float = math.inf
) -> AlarmMatches:
    """Give each change the first alarm from it on, before the next change and ``within`` rows.

    An alarm in the row of the change itself has a delay of 0. All other alarms are false, a second
    one after the same change too: one change is one alarm.

    Parameters
    ----------
    alarms, changes
        Rows, in increasing order; a change is the first row of the new law.
    within
        Rows after which an alarm is no longer taken for that change.

    Raises
    ------
    ParameterError
        If one of the two is out of order.

    Examples
    --------
    >>> match_alarms([40, 103, 110, 260], changes=[100, 200, 300])
    AlarmMatches(detected=(1, 3, None), delays=(3, 60), missed=(300,), false_alarms=(40, 110))
    """
    for name, rows in (("alarms", alarms), ("changes", changes)):
        if any(b < a for a, b in pairwise(rows)):
            raise ParameterError(f"{name} must be rows in increasing order, got {list(rows)!r}")
    found: list[int | None] = []
    for i, change in enumerate(changes):
        ends = min(change + within, changes[i + 1] if i + 1 < len(changes) else math.inf)
        first = bisect_left(alarms, change)
        found.append(first if first < len(alarms) and alarms[first] < ends else None)
    pairs = list(zip(changes, found, strict=True))
    taken = {at for at in found if at is not None}
    return AlarmMatches(
        tuple(found),
        tuple(int(alarms[at] - change) for change, at in pairs if at is not None),
        tuple(int(change) for change, at in pairs if at is None),
        tuple(int(alarm) for i, alarm in enumerate(alarms) if i not in taken),
    )
