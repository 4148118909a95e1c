"""Found, missed, late, misplaced, false: events against the changes that are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamlyt.base import Event

__all__ = ["Score", "score"]


@dataclass
class Score:
    """Events of one stream beside its known changes.

    Parameters
    ----------
    delays, errors
        For each change that was found: rows from it to the alarm, and from it to the row at
        which the event says that it began.
    missed
        Changes without an event.
    others
        Alarm rows of all other events.
    """

    delays: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    missed: int = 0
    others: list[int] = field(default_factory=list)


def score(events: Sequence[Event], changes: Sequence[int], within: int) -> Score:
    """Match each change to the first event from it to the next change, or ``within`` rows on."""
    left = list(events)
    found = Score()
    nexts = [*changes, float("inf")][1:]
    for change, following in zip(changes, nexts, strict=True):
        ends = min(following, change + within)
        mine = next((e for e in left if change <= e.alarm_index < ends), None)
        if mine is None:
            found.missed += 1
            continue
        left.remove(mine)
        found.delays.append(mine.alarm_index - change)
        found.errors.append(mine.change_index - change)
    found.others = [event.alarm_index for event in left]
    return found
