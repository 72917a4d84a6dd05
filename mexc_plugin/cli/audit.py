"""`audit`: everything that looks at the record, and `list` where nothing is named.

Each command is in a module of its own, which is imported when it is called: what others need
(charts, a web server) is nothing that a list should wait for.
"""

import click

from mexc_plugin.cli.groups import DefaultGroup

COMMANDS = {
    "list": "mexc_plugin.cli.commands.listing:list_",
    "tail": "mexc_plugin.cli.commands.watching.tail:tail",
    "show": "mexc_plugin.cli.commands.show:show",
    "stats": "mexc_plugin.cli.commands.stats:stats",
    "export": "mexc_plugin.cli.commands.export:export",
    "report": "mexc_plugin.cli.commands.report:report",
    "serve": "mexc_plugin.cli.commands.watching.serve:serve",
    "watch": "mexc_plugin.cli.commands.watching.watch:watch",
    "metrics": "mexc_plugin.cli.commands.watching.metrics:metrics",
    "ship": "mexc_plugin.cli.commands.watching.ship:ship",
    "sql": "mexc_plugin.cli.commands.sql:sql",
    "verify": "mexc_plugin.cli.commands.evidence.verify:verify",
    "checkpoint": "mexc_plugin.cli.commands.evidence.checkpoint:checkpoint",
    "prove": "mexc_plugin.cli.commands.evidence.prove:prove",
    "archive": "mexc_plugin.cli.commands.evidence.archive:archive",
    "keygen": "mexc_plugin.cli.commands.evidence.keygen:keygen",
    "reconcile": "mexc_plugin.cli.commands.reconcile:reconcile",
    "recover": "mexc_plugin.cli.commands.reconcile:recover",
}


@click.group(cls=DefaultGroup, default="list", lazy=COMMANDS)
def audit() -> None:
    """Look at the cancels on record.

    Without a command it is `list`, whose options may stand here too: `mexc-plugin audit --limit 3`.
    """
