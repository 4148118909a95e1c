"""``streamlyt list``: what is there, by the names that pipelines use."""

import sys

__all__ = ["list_components"]


def list_components() -> int:
    """List every component by room and name, as pipelines call it, and say what it is."""
    from rich.markup import escape

    from streamlyt.catalog import ROOMS, about, names
    from streamlyt.cli._print import plain_table, print_table

    rows = [(room, name, about(room, name)) for room in ROOMS for name in names(room)]
    if not sys.stdout.isatty():
        for row in rows:
            print(*row, sep="\t")
        return 0
    table = plain_table("room", "name", "what it is")
    for row in rows:
        table.add_row(*map(escape, row))
    print_table(table)
    return 0
