"""Commands of two words whose first word is also a command."""

from typing import Any

from typer.core import TyperGroup

__all__ = ["CommandGroup"]


class CommandGroup(TyperGroup):
    """Command group that accepts both ``forecast tune FILE`` and ``forecast FILE``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Resolve two words as one command if it exists."""
        if len(args) > 1 and f"{args[0]} {args[1]}" in self.commands:
            args = [f"{args[0]} {args[1]}", *args[2:]]
        return super().resolve_command(ctx, args)
