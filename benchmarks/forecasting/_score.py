"""Found, missed, late, misplaced, false: events against the changes that are known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamlyt.core import Event
from streamlyt.evaluate import match_alarms

__all__ = ["Score", "score"]


@dataclass
class Score:
    """Events of one stream compared with its known changes.

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
    alarms = [event.alarm_index for event in events]
    matched = match_alarms(alarms, changes, within)
    pairs = zip(changes, matched.detected, strict=True)
    errors = [events[at].change_index - change for change, at in pairs if at is not None]
    return Score([*matched.delays], errors, len(matched.missed), [*matched.false_alarms])
