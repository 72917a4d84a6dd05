"""A bot that keeps tables of its own with alembic: the environment that `alembic init` makes."""

import contextlib
import io
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config

from tests import warm

if TYPE_CHECKING:
    import subprocess

REVISIONS = 6
TABLES = frozenset(f"bot_{n}_{name}" for n in range(REVISIONS) for name in ("orders", "fills"))

_MODELS = f"""
import sqlalchemy as sa

target_metadata = sa.MetaData()
for name in {sorted(TABLES)}:
    sa.Table(name, target_metadata, sa.Column("id", sa.Integer(), primary_key=True, index=True))
"""
_REVISION = """
import sqlalchemy as sa
from alembic import op

revision = "b{number}"
down_revision = {down!r}


def upgrade():
    for name in ("orders", "fills"):
        table = f"bot_{number}_{{name}}"
        op.create_table(table, sa.Column("id", sa.Integer(), primary_key=True))
        op.create_index(f"ix_{{table}}_id", table, ["id"])


def downgrade():
    for name in ("orders", "fills"):
        op.drop_table(f"bot_{number}_{{name}}")
"""


class BotsAlembic:
    """In a folder: alembic.ini, env.py with the bot's models, and a few revisions."""

    def __init__(self, folder: Path) -> None:
        self.ini = folder / "alembic.ini"
        self._env = folder / "alembic" / "env.py"
        self._versions = folder / "alembic" / "versions"
        with contextlib.redirect_stdout(io.StringIO()):
            command.init(Config(self.ini), str(folder / "alembic"))
        self.edit("target_metadata = None\n", _MODELS)
        for number in range(REVISIONS):
            down = f"b{number - 1}" if number else None
            self.add(f"b{number}", _REVISION.format(number=number, down=down))

    def edit(self, old: str, new: str) -> None:
        """Change env.py as its owner would."""
        text = self._env.read_text()
        assert old in text
        self._env.write_text(text.replace(old, new))

    def add(self, revision: str, text: str) -> None:
        (self._versions / f"{revision}.py").write_text(text)

    def config(self, url: str) -> Config:
        config = Config(self.ini)
        config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
        return config

    def run(self, url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """alembic's own program, in a process of its own: its env.py sets up logging."""
        ini = self.ini.with_name("run.ini")
        with ini.open("w") as file:
            self.config(url).file_config.write(file)
        return warm.run("-m", "alembic", "-c", str(ini), *arguments)

    def autogenerate(self, url: str) -> str:
        """What `alembic revision --autogenerate` writes into `upgrade`."""
        done = self.run(url, "revision", "--autogenerate", "--rev-id", "generated", "-m", "x")
        assert done.returncode == 0, done.stderr
        path = self._versions / "generated_x.py"
        text = path.read_text()
        path.unlink()
        return text.partition("def upgrade() -> None:")[2].partition("def downgrade()")[0]
