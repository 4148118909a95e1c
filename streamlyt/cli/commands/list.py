"""``streamlyt list``: what is there, by the names that pipelines use."""

import sys

__all__ = ["list_components"]


def list_components() -> int:
    """List every component by room and name, as pipelines call it, and say what it is."""
    from rich.markup import escape

    from streamlyt.cli._output.tables import plain_table, print_table
    from streamlyt.registry import CATEGORIES, component_names, component_summary

    rows = [
        (room, name, component_summary(room, name))
        for room in CATEGORIES
        for name in component_names(room)
    ]
    if not sys.stdout.isatty():
        for row in rows:
            print(*row, sep="\t")
        return 0
    table = plain_table("room", "name", "what it is")
    for row in rows:
        table.add_row(*map(escape, row))
    print_table(table)
    return 0
