"""click groups that load a command when it is called, and one that has a default command."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from mexc_plugin.cli.exit_codes import reporting


class LazyGroup(click.Group):
    """A group of commands named as `module:attribute`, imported when one is needed."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **kwargs)
        self.lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command


class Program(LazyGroup):
    """The outermost group: what is raised below it becomes a line and an exit code."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's own
        with reporting():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        with reporting():
            return super().invoke(ctx)


class DefaultGroup(LazyGroup):
    """A group whose first command is meant where none is named; options may stand before either."""

    def __init__(self, *args: Any, default: str, **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **kwargs)
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not _asks_for(ctx, args[:1]) and not (ctx.resilient_parsing and not args):
            args = self._with_command(ctx, args)
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            named = {item.value for item in found}
            default = self._default(ctx)
            below = click.Context(default, parent=ctx, info_name=self.default)
            more = default.shell_complete(below, incomplete)
            found += [item for item in more if item.value not in named]
        return found

    def _default(self, ctx: click.Context) -> click.Command:
        # It is one of the group's own.
        return cast("click.Command", self.get_command(ctx, self.default))

    def _with_command(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-"):
            return args
        named = self._named_later(ctx, args)
        if named is None:
            return [self.default, *args]
        return [args[named], *args[:named], *args[named + 1 :]]

    def _named_later(self, ctx: click.Context, args: list[str]) -> int | None:
        """Where a command's name follows options, as in `audit --database-url URL show ID`."""
        default = self._default(ctx)
        below = click.Context(default, parent=ctx, info_name=self.default)
        below.allow_interspersed_args = False
        try:
            _, rest, _ = default.make_parser(below).parse_args(list(args))
        except click.UsageError:
            return None
        return len(args) - len(rest) if rest and rest[0] in self.list_commands(ctx) else None


def _asks_for(ctx: click.Context, args: list[str]) -> bool:
    return any(arg in ctx.help_option_names for arg in args)
