"""The outline of one file: what the data summary says about it.

The rules are those of `crates/tachograph-run/src/agent/outline.rs`.
"""

import csv
import io
import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tachograph_agent.text import WHITE_SPACE, counted, cut, lines, trim

SERIES_MAX = 64
"""Series of one file that are described."""

NAME_BYTES_MAX = 60
"""Bytes of a name or heading that are kept."""

DEPTH_MAX = 127
"""The most arrays and objects that may stand inside each other."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_HEADING = re.compile("#{1,6} (.*)", re.DOTALL)
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# A cell may be as large as its file.
csv.field_size_limit(1 << 30)


class OutlineError(ValueError):
    """Why a file could not be parsed."""


@dataclass(frozen=True)
class Outline:
    """What the data summary says about one file."""

    extent: str
    """Its size in words: `12 rows`, `4 keys`, `3 headings`."""

    details: list[str]
    """Its headings; or its columns or keys, those with measurements first."""


class _Series:
    """The numbers under one name."""

    def __init__(self, name: str) -> None:
        self.name = cut(name, NAME_BYTES_MAX)
        self.is_numeric = True
        self.has_fraction = False
        self.n = 0
        self.total = 0.0
        self.low = math.inf
        self.high = -math.inf

    def push(self, value: float) -> None:
        self.n += 1
        if not value.is_integer():
            self.has_fraction = True
        # One after the other: `sum` compensates from Python 3.12 on.
        self.total += value
        if value < self.low:
            self.low = value
        if value > self.high:
            self.high = value

    def has_number(self) -> bool:
        return self.is_numeric and self.n > 0 and math.isfinite(self.total)

    def rank(self) -> int:
        if not self.has_number():
            return 2
        return 0 if self.has_fraction and self.low < self.high else 1

    def describe(self) -> str:
        if not self.has_number():
            return self.name
        if self.low < self.high:
            mean = number(self.total / self.n)
            return f"{self.name} mean {mean} ({number(self.low)} to {number(self.high)})"
        return f"{self.name} {number(self.low)}"


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as it was written: a name that occurs twice is there twice."""


def outline(kind: str, data: bytes) -> Outline:
    """Parses the bytes of a file of `kind`: `csv`, `json` or `markdown`.

    Raises `OutlineError` with the place.
    """
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise OutlineError(f"line {line}: not UTF-8 text; save the file as UTF-8") from None
    return {"csv": _csv, "json": _json, "markdown": _markdown}[kind](text)


def number(value: float) -> str:
    """Prints a number: whole ones without decimals, others the shorter the larger they are."""
    size = abs(value)
    if size < 1e15 and value.is_integer():
        return format(value, ".0f")
    return format(value, ".1f" if size >= 100 else ".2f" if size >= 1 else ".4f")


def parse_number(text: str) -> float | None:
    """Reads a cell as a number; `None` if it is none."""
    match = _NUMBER.fullmatch(text.strip(" \t"))
    value = float(match.group()) if match else math.inf
    return value if math.isfinite(value) else None


def _describe(series: Iterable[_Series]) -> list[str]:
    return [it.describe() for it in sorted(series, key=_Series.rank)]


def _csv(text: str) -> Outline:
    reader = csv.reader(io.StringIO(text, newline=""))
    n_rows = 0
    columns: list[_Series] = []
    n_columns = 0
    line = 1
    try:
        for row in reader:
            if not row:
                line = reader.line_num + 1
                continue
            if not n_columns:
                if not any(trim(name) for name in row):
                    break
                n_columns = len(row)
                columns = [_Series(trim(name)) for name in row[:SERIES_MAX]]
            elif len(row) != n_columns:
                raise OutlineError(
                    f"line {line}: {len(row)} fields where the header has {n_columns}"
                )
            else:
                n_rows += 1
                for column, cell in zip(columns, row, strict=False):
                    value = parse_number(cell)
                    if value is not None:
                        column.push(value)
                    elif cell.strip(WHITE_SPACE):
                        column.is_numeric = False
            line = reader.line_num + 1
    except csv.Error as error:
        raise OutlineError(f"malformed CSV: {error}") from None
    if not n_columns:
        raise OutlineError("line 1: no header line; a CSV file starts with its column names")
    return Outline(counted(n_rows, "row"), _describe(columns))


def _json(text: str) -> Outline:
    try:
        # As double precision from the start, which also keeps the sign of `-0`.
        document = json.loads(
            text, object_pairs_hook=_Pairs, parse_int=float, parse_constant=_refuse_constant
        )
        series: dict[str, _Series] = {}
        _walk(document, "", 0, series)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise OutlineError(f"{place}: malformed JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise OutlineError(f"malformed JSON: {error}") from None
    if isinstance(document, _Pairs):
        extent = counted(len(document), "key")
    elif isinstance(document, list):
        extent = counted(len(document), "item")
    else:
        extent = "one value"
    return Outline(extent, _describe(series.values()))


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _walk(value: Any, path: str, depth: int, series: dict[str, _Series]) -> None:
    """Adds what is in `value` to the series named by its path."""
    if isinstance(value, list):
        if depth == DEPTH_MAX:
            raise ValueError("recursion limit exceeded")
        if isinstance(value, _Pairs):
            for key, inner in value:
                _refuse_surrogates(key)
                _walk(inner, f"{path}.{key}" if path else key, depth + 1, series)
        else:
            for inner in value:
                _walk(inner, f"{path}[]", depth + 1, series)
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("number out of range")
    elif isinstance(value, str):
        _refuse_surrogates(value)
    if not path:
        return
    name = cut(path, NAME_BYTES_MAX)
    found = series.get(name)
    if found is None:
        if len(series) == SERIES_MAX:
            return
        found = series[name] = _Series(name)
    if isinstance(value, float):
        found.push(value)
    else:
        found.is_numeric = False


def _refuse_surrogates(text: str) -> None:
    """Refuses half of a pair, which an escape can bring in and UTF-8 has not."""
    if not text.isascii() and _LONE_SURROGATE.search(text):
        raise ValueError("lone surrogate in a text")


def _markdown(text: str) -> Outline:
    fenced = False
    n = 0
    headings: list[str] = []
    for line in lines(text):
        if line.lstrip(WHITE_SPACE).startswith("```"):
            fenced = not fenced
        elif not fenced and (match := _HEADING.match(line)):
            n += 1
            if len(headings) < SERIES_MAX:
                headings.append(cut(trim(match.group(1)), NAME_BYTES_MAX))
    return Outline(counted(n, "heading"), headings)
