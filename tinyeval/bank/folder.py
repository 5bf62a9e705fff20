"""The item bank on disk, format version 1: written all or nothing, verified in full before use.

The folder holds ``manifest.json``, ``items.parquet``, ``parameters.safetensors``, ``README.md``
and, where the licence allows, ``content.parquet``; docs/item-bank-format.md specifies them.
Checksums show whether the files are as they were written; the digest identifies the bank.  This
module knows nothing of estimators.  A folder may come from a stranger: any fault in it raises a
:class:`BankError` before its contents are used, and nothing in it is executed.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tinyeval.atomic import set_aside, write_folder
from tinyeval.bank import codec
from tinyeval.bank.codec import ARRAYS, CONTENT, ITEMS
from tinyeval.bank.contents import BankFiles as BankFiles
from tinyeval.bank.identity import identity
from tinyeval.bank.parquet import SHORT
from tinyeval.errors import BankError, examples, one_line
from tinyeval.shipped import banks, others

FORMAT_VERSION = 1
MANIFEST, README = "manifest.json", "README.md"

MANIFEST_LIMIT = 4 * 2**20
FILE_LIMIT = 8 * 2**30
"""Largest file sizes in bytes; larger files are refused unread."""

_REQUIRED = (ITEMS, ARRAYS, README)
_SEALED = ("format_version", "sizes", "files", "digest", "checksum")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_AGAIN = "download or build the bank again"


def write_bank(path: Path, files: BankFiles, *, overwrite: bool = False) -> str:
    """Write a bank to the folder ``path``, all or nothing.

    Args:
        path: a folder that does not exist, and is not created by others meanwhile; its parents are
            created as needed.
        files: contents of the bank.
        overwrite: replace a bank at ``path``; files in the folder that are not a bank's are kept.

    Returns:
        The bank's digest, see :func:`tinyeval.bank.identity.identity`.

    Raises:
        BankError: ``path`` exists and may not be overwritten, or is not a bank; or writing failed,
            and an old bank is untouched.
    """
    path = Path(path)
    check_destination(path, overwrite)
    manifest, data = _seal(files)
    text = _canonical(manifest)
    if len(text) > MANIFEST_LIMIT:
        raise BankError(f"{MANIFEST}: over {MANIFEST_LIMIT} bytes; put long lists in arrays")
    large = [name for name, one in data.items() if len(one) > FILE_LIMIT]
    if large:
        raise BankError(f"{examples(large)}: over {FILE_LIMIT} bytes, which would not be read")
    try:
        write_folder(
            path,
            {**data, MANIFEST: text},
            owned=(CONTENT,),
            check=lambda: check_destination(path, overwrite),
        )
    except OSError as error:
        reason = one_line(error, SHORT)
        raise BankError(f"{path}: the bank could not be written ({reason})") from error
    return str(manifest["digest"])


def read_bank(path: Path) -> BankFiles:
    """Read a bank, verifying everything before use.

    Raises:
        BankError: not a bank, another format version, or contents that do not match their checksum,
            size or type, or violate a condition; the message names the file.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise BankError(_not_a_folder(folder))
    manifest = _read_manifest(folder)
    data = {name: _read_listed(folder, name, manifest["files"]) for name in manifest["files"]}
    try:
        files = BankFiles(
            manifest,
            codec.decode_items(data[ITEMS]),
            codec.decode_arrays(data[ARRAYS]),
            codec.decode_content(data[CONTENT]) if CONTENT in data else None,
            codec.decode_text(data[README], README),
        )
    except BankError as error:
        raise BankError(f"{folder}: {error}; {_AGAIN}") from error
    if files.sizes != manifest["sizes"]:
        raise BankError(
            f"{folder / MANIFEST}: says sizes {_shown(manifest['sizes'])}, but the files hold "
            f"{files.sizes}; {_AGAIN}"
        )
    if manifest["digest"] != identity(files):
        raise BankError(f"{folder / MANIFEST}: 'digest' is not that of the bank; {_AGAIN}")
    return files


def _seal(files: BankFiles) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the complete manifest, and the bytes of the other files by name."""
    data = {
        ITEMS: codec.encode_items(files.items),
        ARRAYS: codec.encode_arrays(files.arrays),
        README: codec.encode_text(files.readme, README),
    }
    if files.content is not None:
        data[CONTENT] = codec.encode_content(files.content, files.items.ids)
    manifest = {key: value for key, value in files.manifest.items() if key not in _SEALED}
    manifest.setdefault("created", datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    manifest["format_version"] = FORMAT_VERSION
    manifest["sizes"] = files.sizes
    manifest["files"] = {n: {"bytes": len(d), "sha256": _sha256(d)} for n, d in data.items()}
    manifest["digest"] = identity(files)
    manifest["checksum"] = _checksum(manifest)
    return manifest, data


def _canonical(manifest: Mapping[str, Any]) -> bytes:
    return (codec.dump_json(manifest, MANIFEST, indent=2) + "\n").encode("ascii")


def _checksum(manifest: Mapping[str, Any]) -> str:
    return _sha256(_canonical({k: v for k, v in manifest.items() if k != "checksum"}))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def check_destination(path: Path, overwrite: bool) -> None:
    """Check that a bank may now be written to ``path``.

    Args:
        path: path of the folder.
        overwrite: whether a bank at ``path`` may be replaced.

    Raises:
        BankError: ``path`` exists, and is not a bank or ``overwrite`` is False.
    """
    if not os.path.lexists(path):
        old = set_aside(path)
        if old and not overwrite:
            raise BankError(
                f"{path}: an interrupted overwrite left the old bank in {old[-1]}; rename it back, "
                "or pass --overwrite to replace it"
            )
        return
    if not overwrite:
        raise BankError(f"{path}: exists already; choose another folder, or pass --overwrite")
    if not (path / MANIFEST).is_file():
        raise BankError(
            f"{path}: is not an item bank (it has no {MANIFEST}), so it is not overwritten; "
            "choose another folder, or remove it yourself"
        )


def _not_a_folder(path: Path) -> str:
    if path.exists():
        return f"{path}: is not a folder; an item bank is a folder with a {MANIFEST}"
    old = set_aside(path)
    if old:
        return f"{path}: does not exist; an interrupted overwrite left the old bank in {old[-1]}"
    known = others(path, banks(), "banks")
    return f"{path}: does not exist; check the path, or make a bank with `tinyeval build`{known}"


def _read_manifest(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    data = _read_file(folder, MANIFEST, MANIFEST_LIMIT)
    try:
        manifest = codec.parse_json(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BankError(f"{file}: is not JSON ({one_line(error, SHORT)}); {_AGAIN}") from error
    if not isinstance(manifest, dict):
        raise BankError(f"{file}: expected a JSON object; {_AGAIN}")
    _check_version(file, manifest.get("format_version"))
    try:
        is_canonical = _canonical(manifest) == data
    except BankError:
        is_canonical = False
    if not is_canonical:
        raise BankError(
            f"{file}: is not as it was written (edited, or line ends converted); {_AGAIN}"
        )
    _check_counts(file, manifest.get("sizes"))
    _check_listing(file, manifest.get("files"))
    if manifest.get("checksum") != _checksum(manifest):
        raise BankError(f"{file}: does not match its own checksum; {_AGAIN}")
    if not _is_sha256(manifest.get("digest")):
        raise BankError(f"{file}: 'digest' must be 64 hexadecimal digits; {_AGAIN}")
    return manifest


def _check_version(file: Path, version: object) -> None:
    if type(version) is not int or version < 1:
        raise BankError(
            f"{file}: expected a 'format_version' of 1 or more, found {_shown(version)}; {_AGAIN}"
        )
    if version > FORMAT_VERSION:
        raise BankError(
            f"{file}: has format version {version}, this tinyeval reads up to {FORMAT_VERSION}; "
            "install a newer tinyeval"
        )


def _check_counts(file: Path, sizes: object) -> None:
    counts = sizes if isinstance(sizes, dict) else {}
    if set(counts) != {"items", "anchors", "targets"} or not all(map(_is_count, counts.values())):
        raise BankError(
            f"{file}: 'sizes' must count items, anchors and targets, found {_shown(sizes)}; "
            f"{_AGAIN}"
        )


def _check_listing(file: Path, listing: object) -> None:
    if not isinstance(listing, dict):
        raise BankError(f"{file}: 'files' must list files, found {_shown(listing)}; {_AGAIN}")
    unknown = sorted(set(listing) - {*_REQUIRED, CONTENT})
    if unknown:
        # the names are a fixed set, so no file outside the folder can be named
        shown = examples(one[:80] for one in unknown)
        raise BankError(f"{file}: 'files' lists names that no bank has: {shown}; {_AGAIN}")
    missing = [name for name in _REQUIRED if name not in listing]
    if missing:
        raise BankError(f"{file}: 'files' does not list {examples(missing)}; {_AGAIN}")
    for name, entry in listing.items():
        well_formed = (
            isinstance(entry, dict)
            and set(entry) == {"bytes", "sha256"}
            and _is_count(entry["bytes"])
            and _is_sha256(entry["sha256"])
        )
        if not well_formed:
            raise BankError(
                f"{file}: 'files' must give 'bytes' and 'sha256' of {name}, "
                f"found {_shown(entry)}; {_AGAIN}"
            )


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_sha256(value: object) -> bool:
    return isinstance(value, str) and _SHA256.fullmatch(value) is not None


def _read_listed(folder: Path, name: str, listing: Mapping[str, Any]) -> bytes:
    data = _read_file(folder, name, FILE_LIMIT)
    expected = listing[name]["bytes"]
    if len(data) != expected:
        raise BankError(f"{folder / name}: has {len(data)} bytes, expected {expected}; {_AGAIN}")
    if _sha256(data) != listing[name]["sha256"]:
        raise BankError(f"{folder / name}: does not match its SHA-256 in {MANIFEST}; {_AGAIN}")
    return data


def _read_file(folder: Path, name: str, limit: int) -> bytes:
    """Return the bytes of a regular file in the folder that is not too large."""
    file = folder / name
    try:
        if file.resolve().parent != folder.resolve():
            raise BankError(
                f"{file}: is a link out of the folder, which is not followed; make a real copy "
                "(cp -rL, or snapshot_download with local_dir)"
            )
        info = file.stat()
        if not stat.S_ISREG(info.st_mode):
            raise BankError(f"{file}: is not a regular file; {_AGAIN}")
        if info.st_size > limit:
            raise BankError(f"{file}: has {info.st_size} bytes, at most {limit} are read; {_AGAIN}")
        return file.read_bytes()
    except FileNotFoundError as error:
        raise BankError(f"{file}: is missing; {_AGAIN}") from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        reason = one_line(error, SHORT)
        raise BankError(f"{file}: cannot be read ({reason}); {_AGAIN}") from error


def _shown(value: object) -> str:
    return ascii(value)[:80]
