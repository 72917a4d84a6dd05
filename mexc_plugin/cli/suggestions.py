"""What a misspelt command or option may have meant: by its letters, by its meaning, or elsewhere."""

import difflib
import re

import click

# What people write out of habit, from journalctl, git, ccxt and others.
OPTIONS = {
    "--from": "--since",
    "--start": "--since",
    "--after-time": "--since",
    "--to": "--until",
    "--end": "--until",
    "--before": "--until",
    "--market": "--symbol",
    "--pair": "--symbol",
    "--status": "--outcome",
    "--id": "--order-id",
    "--url": "--database-url",
    "--jsonl": "--format jsonl",
    "--grep": "--search",
    "--text": "--search",
    "--error": "--code",
    "--no-limit": "--all",
    "--tz": "--local",
    "--timezone": "--local",
    "-n": "--limit",
}
COMMANDS = {
    "ls": "list",
    "log": "list",
    "logs": "list",
    "history": "list",
    "follow": "tail",
    "info": "show",
    "summary": "stats",
    "query": "sql",
    "check": "verify",
    "migrate": "upgrade",
    "init": "upgrade",
    "test": "doctor",
}
_COMMAND = re.compile(r"No such command ['\"](.+)['\"]\.")
_LIKE = 0.7
_MOST = 3


def explain(error: click.UsageError) -> str:
    """The error's message, with what is like it; click's own guesses share only some letters."""
    ctx = error.ctx
    if ctx is None:
        return error.format_message()
    if isinstance(error, click.NoSuchOption):
        return _say(error.message, _like_option(error.option_name, ctx))
    if named := _COMMAND.match(error.message):
        return _say(error.message, _like_command(named[1], ctx))
    return error.format_message()


def _say(message: str, near: list[str]) -> str:
    return f"{message} Did you mean {' or '.join(near)}?" if near else message


def _like_option(name: str, ctx: click.Context) -> list[str]:
    options = [item for item in ctx.command.params if isinstance(item, click.Option)]
    known = [text for item in options for text in (*item.opts, *item.secondary_opts)]
    meant = OPTIONS.get(name)
    if meant and meant.partition(" ")[0] in known:
        return [meant]
    long = [text for text in known if text.startswith("--")]
    begins = [text for text in long if len(name) > len("--") and text.startswith(name)]
    if begins or not name.startswith("--"):
        return begins[:_MOST]
    near = difflib.get_close_matches(name[2:], [text[2:] for text in long], 2, _LIKE)
    return [f"--{text}" for text in near]


def _like_command(name: str, ctx: click.Context) -> list[str]:
    """In this group; else in another one, with all that has to be typed."""
    here = ctx.command
    if isinstance(here, click.Group):
        found = _among(name, here.list_commands(ctx))
        if found:
            return [f"{ctx.command_path} {word}" for word in found]
    root = ctx.find_root()
    elsewhere = []
    for path, group in _groups(root):
        elsewhere += [f"{path} {word}" for word in _among(name, group.list_commands(root))]
    return elsewhere[:_MOST]


def _among(name: str, known: list[str]) -> list[str]:
    if name in known:
        return [name]
    if COMMANDS.get(name) in known:
        return [COMMANDS[name]]
    return difflib.get_close_matches(name, known, 2, _LIKE)


def _groups(root: click.Context) -> list[tuple[str, click.Group]]:
    program = root.command
    if not isinstance(program, click.Group):
        return []
    found = [(str(root.info_name), program)]
    for word in program.list_commands(root):
        command = program.get_command(root, word)
        if isinstance(command, click.Group):
            found.append((f"{root.info_name} {word}", command))
    return found
