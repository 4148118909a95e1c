"""Verbs of two words: the first alone may be a verb too, which takes a file."""

from typing import Any

from typer.core import TyperGroup

__all__ = ["CommandGroup"]


class CommandGroup(TyperGroup):
    """A group of verbs that takes ``forecast tune FILE`` for one, and ``forecast FILE`` as well."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take two words for a verb where there is such a one."""
        if len(args) > 1 and f"{args[0]} {args[1]}" in self.commands:
            args = [f"{args[0]} {args[1]}", *args[2:]]
        return super().resolve_command(ctx, args)
