"""What the commands of ``audit distill`` have in common: an option that belongs to another of them is named as such."""

from __future__ import annotations

import click

from mimicry_audit.cli.fields import GroupedCommand
from mimicry_audit.ground.errors import ConfigError


class DistillCommand(GroupedCommand):
    """A command that knows the options of its neighbours."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse.

        Raises:
            ConfigError: an option belongs to other commands, or a required one is missing.
        """
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            owners = [
                name for name in self._sibling_options(ctx) if error.option_name in self._sibling_options(ctx)[name]
            ]
            if not owners:
                raise
            raise ConfigError(
                f"{error.option_name} belongs to audit distill {' and '.join(owners)}, not to {self.name}",
                "leave it out",
            ) from None

    def _sibling_options(self, ctx: click.Context) -> dict[str, set[str]]:
        """Command → its options."""
        group = ctx.parent.command if ctx.parent is not None else None
        commands = group.commands if isinstance(group, click.Group) else {}
        return {
            name: {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
            for name, command in commands.items()
        }
