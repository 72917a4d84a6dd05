"""The formats of an export: rows in, bytes out. Each is told once which columns come."""

import csv
import io
import zlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from mexc_plugin import distributions
from mexc_plugin.cli.exit_codes import Misuse, Problem
from mexc_plugin.cli.exporting.partial_file import Pipe
from mexc_plugin.cli.output.formats import cell
from mexc_plugin.review.text import encode, plain, printable

if TYPE_CHECKING:
    from sqlalchemy import Table

Write = Callable[[bytes], None]
Rows = Sequence[Sequence[Any]]

# Of a group, whichever is reached first: readers want many rows, memory is to stay flat.
GROUP_ROWS = 65_536
GROUP_BYTES = 8_388_608
GZIP_LEVEL = 4
_SLICE = 64
_GZIP = 16 + zlib.MAX_WBITS


class Encoder:
    """resumable: what it has written can be added to by another encoder, told fresh=False."""

    resumable: bool

    def write(self, rows: Rows) -> None:
        """Write rows, or keep them for later."""
        raise NotImplementedError

    def close(self) -> None:
        """Write what is still owed: nothing, where a line is whole by itself."""

    def abandon(self) -> None:
        """Write nothing any more."""


class JsonLines(Encoder):
    """A row is an object in a line, as `audit list --format jsonl` prints it."""

    resumable = True

    def __init__(self, write: Write, columns: Sequence[str]) -> None:
        self._write = write
        self._line = "{" + ", ".join(f'"{name}": %s' for name in columns) + "}"

    def write(self, rows: Rows) -> None:
        # Column by column and by a template: three times as fast as a dict for each row.
        columns = [[_json(value) for value in column] for column in zip(*rows, strict=True)]
        line = self._line
        lines = [printable(line % values) for values in zip(*columns, strict=True)]
        self._write(("\n".join(lines) + "\n").encode())


class Proofs(Encoder):
    """An event is `{"prev_hash":"…","hash":"…","payload":…}`: the payload in the bytes that were hashed.

    safe: for a terminal, what it would obey is escaped: the same JSON, no longer the same bytes.
    """

    resumable = True

    def __init__(self, write: Write, *, safe: bool = False) -> None:
        self._write = write
        self._safe = safe

    def write(self, rows: Rows) -> None:
        # Little at a time: what is copied thrice is still in the processor's cache.
        for start in range(0, len(rows), _SLICE):
            self._write_slice(rows[start : start + _SLICE])

    def _write_slice(self, rows: Rows) -> None:
        lines = [
            f'{{"prev_hash":"{before}","hash":"{own}","payload":{payload}}}\n'
            for before, own, payload, *_ in rows
        ]
        text = "".join(lines)
        if text.count("\n") != len(lines):
            raise Problem("a payload is not that of an event; look with: mexc-plugin audit verify")
        if self._safe:
            text = "".join(printable(line[:-1]) + "\n" for line in lines)
        self._write(text.encode())


class Csv(Encoder):
    """RFC 4180: commas, CRLF, quotes where they are needed; a first line of names."""

    resumable = True

    def __init__(self, write: Write, columns: Sequence[str], *, fresh: bool = True) -> None:
        self._write = write
        self._payload = columns.index("payload") if "payload" in columns else None
        if fresh:
            self._lines([columns])

    def write(self, rows: Rows) -> None:
        columns = [
            [printable(str(value)) for value in column]  # stays JSON
            if index == self._payload
            else [_cell(value) for value in column]
            for index, column in enumerate(zip(*rows, strict=True))
        ]
        self._lines(zip(*columns, strict=True))

    def _lines(self, rows: Iterable[Sequence[str]]) -> None:
        buffer = io.StringIO(newline="")
        csv.writer(buffer, lineterminator="\r\n").writerows(rows)
        self._write(buffer.getvalue().encode())


def require_pyarrow() -> None:
    """Raise Misuse where it is not installed, with what installs it."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        advice = distributions.install_command("parquet")
        raise Misuse(f"parquet needs pyarrow; run: {advice}") from None


class Parquet(Encoder):
    """Times are microseconds UTC, whole numbers int64, all else text: decimals as they were received."""

    resumable = False

    def __init__(self, write: Write, table: "Table", columns: Sequence[str]) -> None:
        require_pyarrow()
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._arrow = pa
        self._schema = pa.schema([(name, self._type(table, name)) for name in columns])
        self._pipe = Pipe(write)
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._pipe, mode="w"), self._schema, compression="zstd"
        )
        self._waiting: list[Any] = []

    def write(self, rows: Rows) -> None:
        arrow = self._arrow
        try:
            arrays = [
                arrow.array([row[index] for row in rows], type=field.type)
                for index, field in enumerate(self._schema)
            ]
        except (arrow.ArrowException, TypeError, ValueError, OverflowError):
            raise Problem(
                "a column holds what its schema does not allow; look with: mexc-plugin audit verify"
            ) from None
        self._waiting.append(arrow.record_batch(arrays, schema=self._schema))
        if (
            sum(batch.num_rows for batch in self._waiting) >= GROUP_ROWS
            or sum(batch.nbytes for batch in self._waiting) >= GROUP_BYTES
        ):
            self._write_group()

    def close(self) -> None:
        self._write_group()
        self._writer.close()

    def abandon(self) -> None:
        self._pipe.cut = True
        self._writer.close()

    def _write_group(self) -> None:
        if self._waiting:
            table = self._arrow.Table.from_batches(self._waiting)
            self._waiting = []
            self._writer.write_table(table, row_group_size=table.num_rows)

    def _type(self, table: "Table", name: str) -> Any:  # noqa: ANN401 - pyarrow's
        kind = table.c[name].type.python_type
        if kind is int:
            return self._arrow.int64()
        return self._arrow.string() if kind is str else self._arrow.timestamp("us", tz="UTC")


def _json(value: object) -> str:
    """As `encode`, but for what it would escape beyond JSON; quicker for what a column holds."""
    if value is None:
        return "null"
    if type(value) is str:
        return encode_basestring(value)
    if type(value) is int:
        return str(value)
    if type(value) is datetime:
        return f'"{plain(value)}"'
    return encode(value)


def _cell(value: object) -> str:
    """As `cell`, quicker for what needs no care."""
    if value is None:
        return ""
    if type(value) is str and value[:1].isalnum() and value.isprintable():
        return value
    return cell(value)


class Gzip:
    """gzip around another `write`. `cut` ends a member, after which the bytes so far are a whole file."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._deflate = self._member()

    def write(self, data: bytes) -> None:
        self._write(self._deflate.compress(data))

    def cut(self) -> None:
        self._write(self._deflate.flush())
        self._deflate = self._member()

    @staticmethod
    def _member() -> "zlib._Compress":
        return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP)
