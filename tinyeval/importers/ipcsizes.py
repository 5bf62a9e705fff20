"""How much memory the batches of an Arrow file would take, told before they are unpacked.

Arrow unpacks a batch as a whole, and zeros pack to next to nothing: a file of a megabyte may become
many gigabytes.  Each packed buffer begins with the length that it becomes, and the head of its
message says where it lies (https://arrow.apache.org/docs/format/Columnar.html, ``RecordBatch`` in
``Message.fbs``; a table of a flatbuffer begins with how far before it its list of fields lies).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

MAGIC = b"ARROW1\0\0"
"""What a file begins with, and a stream does not."""

WORDS = 2
"""The kind of a message that has words which rows are numbers of."""

HEADER_TYPE, HEADER = 1, 2
BUFFERS, COMPRESSION = 2, 3
DATA = 1
"""Places of fields: in a message, in the head of rows, and of rows in the head of words."""


def unpacked(source: Any) -> Iterator[int]:
    """Yield, for each message of a file or stream of Arrow's, the bytes that its buffers become.

    Args:
        source: open for reading, at its beginning; left anywhere.

    Raises:
        pyarrow.ArrowException, OSError: a damaged file.
        ValueError: a damaged head of a message.
    """
    import pyarrow as pa

    start = 0 if source.read(len(MAGIC)) != MAGIC else len(MAGIC)
    source.seek(start)
    reader = pa.ipc.MessageReader.open_stream(source)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        if message.type in ("record batch", "dictionary") and message.body is not None:
            yield sum(_lengths(message.metadata.to_pybytes(), memoryview(message.body)))


def _lengths(head: bytes, body: memoryview) -> Iterator[int]:
    """Yield the unpacked length of each buffer of a message."""
    try:
        rows = _table(head, 0)
        kind = _field(head, rows, HEADER_TYPE)
        rows = _table(head, _field(head, rows, HEADER))
        if kind and head[kind] == WORDS:
            rows = _table(head, _field(head, rows, DATA))
        packed = bool(_field(head, rows, COMPRESSION))
        place = _field(head, rows, BUFFERS)
        place += struct.unpack_from("<I", head, place)[0]
        for k in range(struct.unpack_from("<I", head, place)[0]):
            start, length = struct.unpack_from("<qq", head, place + 4 + 16 * k)
            if packed and length:
                (says,) = struct.unpack_from("<q", body, start)
                length = max(says, length)  # -1: this one is not packed
            yield length
    except (struct.error, IndexError) as error:
        raise ValueError("the head of a message is damaged") from error


def _table(head: bytes, place: int) -> int:
    """Return where the table begins to which the number at a place points."""
    return place + int(struct.unpack_from("<I", head, place)[0])


def _field(head: bytes, table: int, number: int) -> int:
    """Return where a field of a table lies; 0 where it has none."""
    fields = table - struct.unpack_from("<i", head, table)[0]
    (size,) = struct.unpack_from("<H", head, fields)
    if 4 + 2 * number >= size:
        return 0
    offset = struct.unpack_from("<H", head, fields + 4 + 2 * number)[0]
    return table + int(offset) if offset else 0
