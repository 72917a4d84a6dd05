"""`completion`: the script that teaches a shell this program's words."""

import os
from pathlib import PurePath

import click
from click.shell_completion import get_completion_class

from mexc_plugin.cli.exit_codes import PROGRAM
from mexc_plugin.cli.output.terminal import emit

VARIABLE = "_MEXC_PLUGIN_COMPLETE"
INSTALL = {
    "bash": f'add this line to ~/.bashrc:  eval "$({PROGRAM} completion bash)"',
    "zsh": f'add this line to ~/.zshrc, below compinit:  eval "$({PROGRAM} completion zsh)"',
    "fish": f"run:  {PROGRAM} completion fish > ~/.config/fish/completions/{PROGRAM}.fish",
}


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(list(INSTALL)), required=False)
@click.pass_context
def completion(ctx: click.Context, shell: str | None) -> None:
    """Print the completion script of SHELL; without one, of the shell in $SHELL.

    How to install it stands in the script's last line.
    """
    shell = shell or PurePath(os.environ.get("SHELL", "")).name
    complete = get_completion_class(shell) if shell in INSTALL else None
    if complete is None:
        raise click.UsageError(f"name a shell: {', '.join(INSTALL)}", ctx)
    source = complete(ctx.find_root().command, {}, PROGRAM, VARIABLE).source()
    # click's fish script cuts values at their own commas, too: those of `--columns bot,outcome`.
    source = source.replace('string split ","', 'string split --max 1 ","')
    # A comment, not words on stderr: the script is evaluated whenever a shell starts.
    emit([source.strip("\n"), "", f"# To install, {INSTALL[shell]}"])
