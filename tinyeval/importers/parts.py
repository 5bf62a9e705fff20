"""Large dumps: every file is read into a part of its own, by several processes, once.

A part is what :class:`~tinyeval.importers.merge.Block` holds of one file, on disk: the scores as a
Parquet file, a byte each where all are 0, 1 or missing, and beside it, once for all files that
share them, the items and what is noted of them.  The part's name is a digest of the file's path,
size, time of change, first and last bytes and of all that decides how it is read, so an import that
was interrupted goes on where it was, a file that has changed is read again, and so is one whose
part is damaged.
Only the parts come back into one process, so memory holds the matrix and one file per process.
Where no folder is named, processes hand over the blocks themselves and nothing is kept.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyeval.atomic import write_file
from tinyeval.errors import DataError
from tinyeval.errors.wording import are_for_commands, set_for_commands
from tinyeval.importers.base import Options
from tinyeval.importers.block import Block, Finding, Run
from tinyeval.importers.compact import compact, expand

VERSION = 3
"""Raised when parts change, or what is read out of a file; older ones are then made again."""

ENDS = 2**16
"""Bytes at a file's beginning and end by which it is told from another of its size and time."""


DAMAGED = (OSError, LookupError, TypeError, ValueError, NotImplementedError, zlib.error)
"""What reading a part raises if there is none or it is damaged; pyarrow's errors are of these."""


T = TypeVar("T")


class Job(Protocol):
    """How one file is read: a dataclass whose ``repr`` holds all that decides it.

    What it needs of other files it has as fields; of the options, their ``rules``.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def read(self) -> Block:
        """Read it, or raise :class:`DataError`."""
        ...


def read_blocks(jobs: Sequence[Job], options: Options) -> Iterator[Block]:
    """Yield the block of every file, in order.

    Args:
        jobs: how to read the files.
        options: ``jobs`` processes keep parts in the folder ``parts``; with neither, the files
            are read here, and nothing is kept.

    Raises:
        DataError: of the first file, in order, that cannot be read; parts that cannot be written.
    """
    if options.jobs == 1 and options.parts is None:
        blocks: Iterator[Block] = (job.read() for job in jobs)
        yield from _told(jobs, blocks, options)
    elif options.parts is None:
        with closing(_pooled(options.jobs, _read, jobs)) as blocks:
            yield from _told(jobs, blocks, options)
    else:
        yield from _told(jobs, _from_parts(jobs, options.parts.resolve(), options.jobs), options)


def _told(jobs: Sequence[Job], blocks: Iterator[Block], options: Options) -> Iterator[Block]:
    for done, job in enumerate(jobs):
        options.progress(done, len(jobs), job.path.name)
        yield next(blocks)
    options.progress(len(jobs), len(jobs), "")


def _from_parts(jobs: Sequence[Job], folder: Path, processes: int) -> Iterator[Block]:
    with closing(_make_all(jobs, folder, processes)) as made:
        for job, part in zip(jobs, made, strict=True):
            yield _load(part, job.path)


def _make_all(jobs: Sequence[Job], folder: Path, processes: int) -> Generator[Path]:
    """Yield the part of every file, in order, made where it is not there yet."""
    folders = [folder] * len(jobs)
    if processes == 1:
        yield from map(_make, jobs, folders)
    else:
        yield from _pooled(processes, _make, jobs, folders)


def _pooled(processes: int, call: Callable[..., T], *arguments: Sequence[Any]) -> Generator[T]:
    """Yield what ``call`` returns of each argument, in order, from several processes."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    spawn = get_context("spawn")  # a forked process may inherit a lock that nobody opens
    words = (are_for_commands(),)
    with ProcessPoolExecutor(processes, spawn, initializer=_begin, initargs=words) as pool:
        try:
            yield from pool.map(call, *arguments, chunksize=4)
        except BrokenProcessPool as error:
            raise DataError(
                "a process that read results was ended from outside, most likely for want of "
                "memory; run again with fewer --jobs (what is in --parts is not read again)"
            ) from error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin(for_commands: bool) -> None:
    """Speak as the main process does, leave Ctrl-C to it, and end with it however it ends."""
    set_for_commands(for_commands)
    import signal
    from multiprocessing import parent_process
    from multiprocessing.process import BaseProcess
    from threading import Thread

    def end_with(parent: BaseProcess | None) -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=end_with, args=(parent_process(),), daemon=True).start()


def _read(job: Job) -> Block:
    return job.read()


def _make(job: Job, folder: Path) -> Path:
    """Return the part of a file, made unless a sound one is there."""
    part = folder / f"{_fingerprint(job)}.parquet"
    if not _is_sound(part):
        block = job.read()
        try:
            _save(part, block)
        except OSError as error:
            raise DataError(f"{folder}: parts cannot be written: {error}") from error
    return part


def _is_sound(part: Path) -> bool:
    try:
        _load(part, part)
    except DAMAGED:
        return False
    return True


def _fingerprint(job: Job) -> str:
    try:
        about = job.path.stat()
        ends = _ends(job.path, about.st_size)
    except OSError as error:
        raise DataError(f"{job.path}: cannot be read: {error.strerror}") from error
    job = replace(job, path=job.path.resolve())
    known = (VERSION, about.st_size, about.st_mtime_ns, ends, job)
    return sha256(repr(known).encode()).hexdigest()[:32]


def _ends(path: Path, size: int) -> str:
    """Return a digest of a file's first and last bytes: a copy may keep time and size."""
    with path.open("rb") as file:
        found = sha256(file.read(ENDS))
        file.seek(max(size - ENDS, 0))
        found.update(file.read(ENDS))
    return found.hexdigest()


def _save(path: Path, block: Block) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    layout = _json({"items": list(block.items), "notes": block.item_notes})
    digest = sha256(layout).hexdigest()
    try:
        _layout(path.parent, digest)
    except DAMAGED:
        write_file(_layout_path(path.parent, digest), zlib.compress(layout))
    run = block.run
    about = {
        "layout": digest,
        "models": list(block.models),
        "model_notes": block.model_notes,
        "chosen": block.chosen,
        "run": None if run is None else [run.model, run.identity, run.settings, run.date],
        "sizes": block.sizes,
        "findings": [[f.kind, f.what, f.count, f.examples] for f in block.findings],
    }
    columns: dict[str, NDArray] = {"score": compact(block.scores).ravel()}
    if block.cells is not None:
        columns["cell"] = block.cells
    if block.trials is not None:
        columns["trials"] = block.trials.ravel()
    if block.soft is not None:
        columns["soft"] = block.soft.ravel()
    text = _json(about)
    table = pa.table(columns).replace_schema_metadata(
        {"about": text, "digest": _digest(text, columns)}
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_file(path, sink.getvalue().to_pybytes())


def _digest(text: bytes, columns: Mapping[str, NDArray]) -> str:
    found = sha256(text)
    for name, values in columns.items():
        found.update(name.encode() + values.tobytes())
    return found.hexdigest()


def _load(path: Path, source: Path) -> Block:
    """Read a part; some error or other if it is damaged."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        metadata = file.schema_arrow.metadata
        table = file.read()
    columns = {name: _numbers(table.column(name)) for name in table.column_names}
    text = metadata[b"about"]
    if _digest(text, columns).encode() != metadata[b"digest"]:
        raise ValueError("a damaged part")
    about = json.loads(text)
    layout = _layout(path.parent, about["layout"])
    cells, trials, soft = (columns.get(name) for name in ("cell", "trials", "soft"))
    shape = (len(about["models"]), len(layout["items"])) if cells is None else cells.shape
    return Block(
        source,
        about["models"],
        layout["items"],
        expand(columns["score"]).reshape(shape),
        layout["notes"],
        about["model_notes"],
        about["chosen"],
        about["layout"],
        cells,
        None if trials is None else trials.reshape(shape),
        None if about["run"] is None else Run(*about["run"]),
        about["sizes"],
        tuple(Finding(kind, what, n, tuple(some)) for kind, what, n, some in about["findings"]),
        None if soft is None else soft.reshape(shape),
    )


def _numbers(column: Any) -> NDArray:
    """Read Arrow's buffers: its own way to numpy imports pandas, which takes longer than that."""
    kind = np.dtype(KINDS[str(column.type)])
    raw = [
        np.frombuffer(one.buffers()[1], kind, len(one), one.offset * kind.itemsize)
        for one in column.chunks
        if len(one)
    ]
    return np.concatenate([np.empty(0, kind), *raw])


KINDS = {"uint8": "u1", "halffloat": "f2", "float": "f4", "int64": "i8", "uint16": "u2"}
"""Arrow's names of the numbers in a part."""


@lru_cache(maxsize=128)
def _layout(folder: Path, digest: str) -> dict[str, Any]:
    text = zlib.decompress(_layout_path(folder, digest).read_bytes())
    if sha256(text).hexdigest() != digest:
        raise ValueError("a damaged layout")
    return dict(json.loads(text))


def _layout_path(folder: Path, digest: str) -> Path:
    return folder / f"{digest[:32]}.layout"


def _json(value: object) -> bytes:
    # What is neither text nor a number becomes text in the end, so it may become so here.
    return json.dumps(value, default=str).encode()
