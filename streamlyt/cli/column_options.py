"""The columns of a table on the command line: named by the user, or chosen and said to be."""

from collections.abc import Sequence

from streamlyt.connectors import FileSource
from streamlyt.core.errors import ParameterError

from ._output.tables import counted
from .error_handling import echo_status

__all__ = ["named_columns", "report_columns"]

TOLD = 12  # columns that are named one by one
KEYS = 0.5  # series a row: with more the key hardly repeats
FEWEST = 20  # rows of which that is said


def named_columns(text: str | None) -> list[str] | None:
    """Return the names between commas, without the blanks around them.

    Raises
    ------
    ParameterError
        If none is left.

    Examples
    --------
    >>> named_columns("a, b,"), named_columns(None)
    (['a', 'b'], None)
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ParameterError(f"--columns must name columns, with commas between, got {text!r}")
    return names


def report_columns(source: FileSource, title: str) -> None:
    """Say what is watched, what is left out and why, and what may not be meant so."""
    look = source.look()
    watched = source.schema.channel_names
    if source.columns is None:
        out = [f"{name or repr(name)} ({why})" for name, why in look.left_out.items()]
        out = [told for told, name in zip(out, look.left_out, strict=True) if name not in watched]
        left = f"; left out: {_few(out)}" if out else ""
        echo_status(f"watching {_few([name or repr(name) for name in watched])}{left}")
    counting = {*look.counting, *(n for n, why in look.left_out.items() if why == "time")}
    if told := [name for name in watched if name in counting]:
        echo_status(
            f"{title}: {_few(told)} only {'counts' if len(told) == 1 else 'count'}, which hides "
            f"changes in all that is watched: name the other columns with --columns"
        )
    if source.columns is None and source.key is None and look.repeating:
        name, count = min(look.repeating.items(), key=lambda each: each[1])
        echo_status(f"{name} has {count} values: --key {name} watches each as a series of its own")
    if source.key is not None and look.rows >= FEWEST and look.series > KEYS * look.rows:
        echo_status(
            f"--key {source.key} names {counted(look.series, 'series', 'series')} in the first "
            f"{counted(look.rows, 'row')}: choose a column with few values, each of many rows"
        )


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - TOLD} more" if len(names) > TOLD else ""
    return f"{', '.join(names[:TOLD])}{more}"
