"""Column selection on the command line: parse ``--columns`` and report the choice."""

from collections.abc import Sequence

from streamlyt.connectors import FileSource
from streamlyt.core.errors import ParameterError

from ._output.tables import counted
from .error_handling import echo_status

__all__ = ["named_columns", "report_columns"]

MAX_LISTED = 12  # columns in a status line
MAX_SERIES_PER_ROW = 0.5  # above this the key column hardly repeats
MIN_ROWS = 20  # for the warning about the key column


def named_columns(text: str | None) -> list[str] | None:
    """Return the comma-separated names, without surrounding spaces.

    Raises
    ------
    ParameterError
        If there is no name.

    Examples
    --------
    >>> named_columns("a, b,"), named_columns(None)
    (['a', 'b'], None)
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ParameterError(f"--columns must be comma-separated names, got {text!r}")
    return names


def report_columns(source: FileSource, title: str) -> None:
    """Report the selected and excluded columns, and warn about counters and keys."""
    inferred = source.inferred_schema()
    selected = source.schema.channel_names
    if source.columns is None:
        excluded = [
            f"{name or repr(name)} ({why})"
            for name, why in inferred.left_out.items()
            if name not in selected
        ]
        left_out = f"; excluded: {_listed(excluded)}" if excluded else ""
        echo_status(f"Columns: {_listed([name or repr(name) for name in selected])}{left_out}")
    counting = {*inferred.counting, *(n for n, why in inferred.left_out.items() if why == "time")}
    if counters := [name for name in selected if name in counting]:
        noun = "is a counter" if len(counters) == 1 else "are counters"
        echo_status(
            f"{title}: {_listed(counters)} {noun}, which hides changes in the other "
            f"columns; exclude it with --columns"
        )
    if source.columns is None and source.key_column is None and inferred.repeating:
        name, count = min(inferred.repeating.items(), key=lambda item: item[1])
        echo_status(f"{name} has {count} values; use --key-column {name} for one series per value")
    if (
        source.key_column is not None
        and inferred.rows >= MIN_ROWS
        and inferred.series > MAX_SERIES_PER_ROW * inferred.rows
    ):
        echo_status(
            f"--key-column {source.key_column} gives "
            f"{counted(inferred.series, 'series', 'series')} in the first "
            f"{counted(inferred.rows, 'row')}; choose a column with few values of many rows each"
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return f"{', '.join(names[:MAX_LISTED])}{more}"
