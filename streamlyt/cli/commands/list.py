"""``streamlyt list``: the components of the registry."""

import sys

__all__ = ["list_components"]


def list_components() -> int:
    """List all components by category and name, with a summary."""
    from rich.markup import escape

    from streamlyt.cli._output.tables import plain_table, print_table
    from streamlyt.registry import CATEGORIES, component_names, component_summary

    rows = [
        (category, name, component_summary(category, name))
        for category in CATEGORIES
        for name in component_names(category)
    ]
    if not sys.stdout.isatty():
        for row in rows:
            print(*row, sep="\t")
        return 0
    table = plain_table("category", "name", "summary")
    for row in rows:
        table.add_row(*map(escape, row))
    print_table(table)
    return 0
