"""The data summary: what the prompts say about the ingested files.

`python -m tachograph_agent.summary FOLDER BYTES` prints the summary of a folder with
BYTES bytes for the lines about its files.
"""

import sys
from collections.abc import Sequence

from tachograph_agent.ingest import Ingested, ingest, scan
from tachograph_agent.text import counted

LINE_BYTES = 100
"""Bytes that a line about a file has on average."""

KINDS = ("csv", "json", "markdown")


def head_bytes(summary_bytes: int) -> int:
    """Returns the bytes of the lines about files in the prompt for a report."""
    return summary_bytes * 3 // 8


def summary(files: Sequence[Ingested], n_skipped: int, bytes_max: int) -> str:
    """Returns the summary with `bytes_max` bytes for the lines about files."""
    counts = ", ".join(f"{sum(file.kind == kind for file in files)} {kind}" for kind in KINDS)
    n_bytes = sum(file.n_bytes for file in files)
    parts = [f"Files: {len(files)} ({counts}), {n_bytes} bytes; {n_skipped} skipped.\n"]
    n_lines = min(max(bytes_max // LINE_BYTES, 1), len(files))
    left = bytes_max
    for i in range(n_lines):
        line = _file_line(files[i * len(files) // n_lines], left // (n_lines - i))
        left -= len(line.encode())
        if line:
            parts.append(line)
    n_more = len(files) - (len(parts) - 1)
    if n_more:
        parts.append(f"- and {counted(n_more, 'more file')}\n")
    return "".join(parts)


def _file_line(file: Ingested, allowance: int) -> str:
    """Returns a line of at most `allowance` bytes; an empty text if not even its head fits."""
    line = f"- {file.path} ({file.outline.extent})"
    n_bytes = len(line.encode()) + 1
    if n_bytes > allowance:
        return ""
    for i, detail in enumerate(file.outline.details):
        piece = ("; " if i else ": ") + detail
        n_bytes += len(piece.encode())
        if n_bytes > allowance:
            break
        line += piece
    return line + "\n"


def main(arguments: Sequence[str]) -> int:
    """Prints the summary of a folder."""
    if len(arguments) != 2 or not arguments[1].isdecimal():
        print("usage: python -m tachograph_agent.summary FOLDER BYTES", file=sys.stderr)
        return 2
    folder, bytes_max = arguments[0], int(arguments[1])
    read = [ingest(folder, found) for found in scan(folder)]
    files = [it for it in read if isinstance(it, Ingested)]
    text = summary(files, len(read) - len(files), bytes_max)
    sys.stdout.buffer.write(text.encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
