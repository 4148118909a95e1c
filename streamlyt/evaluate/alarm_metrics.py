"""Online alarm metrics: run length, detection delay, missed changes and false alarms."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import gammainccinv

from streamlyt.core.errors import ParameterError

__all__ = ["AlarmMatches", "RunLength", "match_alarms", "run_length"]

DOUBT = 0.05  # probability that the true mean is below the lower bound


@dataclass(frozen=True)
class RunLength:
    """Measured mean number of rows to a false alarm.

    Parameters
    ----------
    mean
        Mean number of rows to a false alarm; infinite if there was none.
    error
        Standard error; infinite with fewer than two runs or no alarm.
    least
        Lower 95 % confidence bound of the mean.
    alarms, rows
        Number of runs that ended in an alarm, and total rows of all runs.
    """

    mean: float
    error: float
    least: float
    alarms: int
    rows: int


def run_length(lengths: Sequence[int], ended: Sequence[bool] | None = None) -> RunLength:
    r"""Return the average run length (ARL) of runs without a change, some of them censored.

    With :math:`L_i` the rows of run i and :math:`D_i` one if it ended in an alarm and zero if the
    stream ended first,

    .. math:: \mathrm{ARL} = \frac{\sum_i L_i}{\sum_i D_i}, \qquad
        \mathrm{se} = \frac{1}{\sum_i D_i} \sqrt{\frac{n}{n - 1} \sum_i
        (L_i - \mathrm{ARL} \cdot D_i)^2}.

    If all runs ended this is the arithmetic mean and its standard error, for any distribution; the
    error is that of a ratio. Censored runs are counted correctly if the hazard of an alarm is
    constant, as for a detector in a steady state. The lower bound is that of a Poisson count [1]_:
    without any alarm it is the rows over :math:`\ln 20`, about a third of them.

    Parameters
    ----------
    lengths
        Rows of each run up to and including its alarm.
    ended
        Whether each of them ended in an alarm; None: all.

    Raises
    ------
    ParameterError
        If there are no runs, one has no row, or the two differ in length.

    References
    ----------
    .. [1] F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28, 1936.

    Examples
    --------
    >>> result = run_length([900, 1300, 2000], [True, True, False])
    >>> result.mean, result.alarms, result.rows
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
    """Alarms matched to known changes.

    Parameters
    ----------
    detected
        For each change the index of its alarm, or None.
    delays
        Detection delay in rows of each detected change, in order.
    missed
        Changes without an alarm.
    false_alarms
        Alarms that match no change.
    """

    detected: tuple[int | None, ...]
    delays: tuple[int, ...]
    missed: tuple[int, ...]
    false_alarms: tuple[int, ...]


def match_alarms(
    alarms: Sequence[int], changes: Sequence[int], within: float = math.inf
) -> AlarmMatches:
    """Match each change to its first alarm before the next change and within ``within`` rows.

    An alarm in the row of the change has a delay of 0. All other alarms are false, including a
    second one after the same change.

    Parameters
    ----------
    alarms, changes
        Rows in increasing order; a change is the first row of the new distribution.
    within
        Maximum delay in rows.

    Raises
    ------
    ParameterError
        If one of the two is not in increasing order.

    Examples
    --------
    >>> match_alarms([40, 103, 110, 260], changes=[100, 200, 300])
    AlarmMatches(detected=(1, 3, None), delays=(3, 60), missed=(300,), false_alarms=(40, 110))
    """
    for name, rows in (("alarms", alarms), ("changes", changes)):
        if any(b < a for a, b in pairwise(rows)):
            raise ParameterError(f"{name} must be rows in increasing order, got {list(rows)!r}")
    detected: list[int | None] = []
    for i, change in enumerate(changes):
        end = min(change + within, changes[i + 1] if i + 1 < len(changes) else math.inf)
        first = bisect_left(alarms, change)
        detected.append(first if first < len(alarms) and alarms[first] < end else None)
    pairs = list(zip(changes, detected, strict=True))
    matched = {index for index in detected if index is not None}
    return AlarmMatches(
        tuple(detected),
        tuple(int(alarms[index] - change) for change, index in pairs if index is not None),
        tuple(int(change) for change, index in pairs if index is None),
        tuple(int(alarm) for i, alarm in enumerate(alarms) if i not in matched),
    )
