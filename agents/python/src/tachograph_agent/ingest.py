"""Reading the input folder: which files, in which order, and what is left out.

The rules are those of `crates/tachograph-run/src/agent/ingest.rs`.
"""

import hashlib
import os
import stat
from dataclasses import dataclass

from tachograph_agent.outline import Outline, OutlineError, outline

FILE_BYTES_MAX = 4 << 20
DEPTH_MAX = 32
ENTRIES_MAX = 100_000

_KINDS = {"csv": "csv", "json": "json", "md": "markdown"}


@dataclass(frozen=True)
class Found:
    """What a scan met at one path, relative to the input folder."""

    path: str
    kind: str = ""
    """How it is to be parsed; empty if it is not."""
    reason: str = ""
    """Why it is not."""


@dataclass(frozen=True)
class Ingested:
    """A file that was read and parsed."""

    path: str
    kind: str
    n_bytes: int
    sha256: str
    outline: Outline


@dataclass(frozen=True)
class Skipped:
    """A file that was not used, and why."""

    path: str
    reason: str


def scan(folder: str) -> list[Found]:
    """Lists what is under `folder`, in the byte order of the relative paths."""
    found: list[Found] = []
    _scan_into(folder, "", 0, found)
    found.sort(key=lambda it: it.path.encode())
    return found


def _scan_into(folder: str, prefix: str, depth: int, found: list[Found]) -> None:
    here = prefix or "."
    if depth > DEPTH_MAX:
        found.append(Found(here, reason=f"deeper than {DEPTH_MAX} folders"))
        return
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) >= ENTRIES_MAX:
                    found.append(Found(here, reason=f"more than {ENTRIES_MAX} entries"))
                    return
                _take_entry(entry, prefix, depth, found)
    except OSError as error:
        reason = f"could not list the folder: {system_text(error)}"
        found.append(Found(here, reason=reason))


def _take_entry(entry: "os.DirEntry[str]", prefix: str, depth: int, found: list[Found]) -> None:
    name = os.fsencode(entry.name).decode(errors="replace")
    path = f"{prefix}/{name}" if prefix else name
    if name != entry.name:
        found.append(Found(path, reason="the name is not UTF-8"))
        return
    if name.startswith("."):
        found.append(Found(path, reason="hidden"))
        return
    try:
        is_link = entry.is_symlink()
        mode = entry.stat().st_mode
    except OSError as error:
        found.append(Found(path, reason=f"could not be read: {system_text(error)}"))
        return
    if stat.S_ISDIR(mode):
        if is_link:
            found.append(Found(path, reason="a link to a folder is not followed"))
        else:
            _scan_into(entry.path, path, depth + 1, found)
    elif not stat.S_ISREG(mode):
        found.append(Found(path, reason="not a regular file"))
    else:
        _, dot, extension = name.rpartition(".")
        kind = _KINDS.get(_ascii_lower(extension)) if dot else None
        if kind:
            found.append(Found(path, kind=kind))
        else:
            found.append(Found(path, reason="not a .csv, .json or .md file"))


def _ascii_lower(text: str) -> str:
    return text.lower() if text.isascii() else text


def read(folder: str, path: str) -> bytes:
    """Reads one file of a scan, and one byte more than the limit if it is that large."""
    with open(os.path.join(folder, path), "rb") as file:
        return file.read(FILE_BYTES_MAX + 1)


def parse(found: Found, data: bytes) -> Ingested | Skipped:
    """Parses one file of a scan from its bytes."""
    if len(data) > FILE_BYTES_MAX:
        return Skipped(found.path, f"larger than {FILE_BYTES_MAX} bytes; split it")
    try:
        parsed = outline(found.kind, data)
    except OutlineError as error:
        return Skipped(found.path, str(error))
    sha256 = hashlib.sha256(data).hexdigest()
    return Ingested(found.path, found.kind, len(data), sha256, parsed)


def ingest(folder: str, found: Found) -> Ingested | Skipped:
    """Reads and parses one file of a scan."""
    if found.reason:
        return Skipped(found.path, found.reason)
    try:
        return parse(found, read(folder, found.path))
    except OSError as error:
        return Skipped(found.path, f"could not be read: {system_text(error)}")


def system_text(error: OSError) -> str:
    """Returns what the system said, in the native agent's form."""
    return f"{error.strerror} (os error {error.errno})"
