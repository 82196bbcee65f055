"""The data summary once more, written from the rules in src/agent alone.

Usage: python3 summary.py FOLDER BYTES

Prints what the agent's summary of FOLDER with BYTES bytes for its lines must be.
tests/agents/reference/samples_BYTES.txt were made with it from samples/. Links,
oversized and unreadable files are left out here: the samples have none.
"""

import csv
import io
import json
import math
import os
import re
import sys

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z")
KINDS = {"csv": "csv", "json": "json", "md": "markdown"}


def number(value):
    size = abs(value)
    if size < 1e15 and value == int(value):
        return format(value, ".0f")
    return format(value, ".1f" if size >= 100 else ".2f" if size >= 1 else ".4f")


def cut(text, n_bytes):
    return text.encode()[:n_bytes].decode(errors="ignore")


def counted(n, noun):
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


class Series:
    def __init__(self, name):
        self.name, self.numeric, self.values = cut(name, 60), True, []

    def total(self):
        total = 0.0
        for value in self.values:  # one after the other: `sum` compensates from 3.12 on
            total += value
        return total

    def has_number(self):
        return self.numeric and bool(self.values) and math.isfinite(self.total())

    def rank(self):
        if not self.has_number():
            return 2
        fractions = any(value != int(value) for value in self.values)
        return 0 if fractions and min(self.values) < max(self.values) else 1

    def describe(self):
        if not self.has_number():
            return self.name
        low, high = min(self.values), max(self.values)
        if low == high:
            return f"{self.name} {number(low)}"
        mean = number(self.total() / len(self.values))
        return f"{self.name} mean {mean} ({number(low)} to {number(high)})"


def describe(series):
    return [it.describe() for it in sorted(series, key=Series.rank)]


def outline_csv(text):
    header, *rows = [row for row in csv.reader(io.StringIO(text)) if row]
    columns = [Series(name.strip()) for name in header[:64]]
    for row in rows:
        if len(row) != len(header):
            raise ValueError("row length")
        for column, field in zip(columns, row):
            field = field.strip(" \t")
            if NUMBER.match(field):
                column.values.append(float(field))
            elif field:
                column.numeric = False
    return counted(len(rows), "row"), describe(columns)


def outline_json(text):
    document, series = json.loads(text), {}

    def walk(value, path):
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else key)
        elif isinstance(value, list):
            for inner in value:
                walk(inner, f"{path}[]")
        elif path:
            name = cut(path, 60)
            if name not in series:
                if len(series) == 64:
                    return
                series[name] = Series(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                series[name].values.append(float(value))
            else:
                series[name].numeric = False

    walk(document, "")
    extent = (counted(len(document), "key") if isinstance(document, dict) else
              counted(len(document), "item") if isinstance(document, list) else "one value")
    return extent, describe(series.values())


def outline_markdown(text):
    headings, fenced = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif (match := re.match("#{1,6} (.*)", line)) and not fenced:
            headings.append(cut(match.group(1).strip(), 60))
    return counted(len(headings), "heading"), headings[:64]


OUTLINES = {"csv": outline_csv, "json": outline_json, "markdown": outline_markdown}


def ingest(folder):
    paths, files, n_skipped = [], [], 0
    for parent, _, names in os.walk(folder):
        paths += [os.path.relpath(os.path.join(parent, name), folder) for name in names]
    for path in sorted(paths, key=str.encode):
        kind = KINDS.get(path.rsplit(".", 1)[-1].lower())
        try:
            if kind is None:
                raise ValueError("extension")
            with open(os.path.join(folder, path), "rb") as file:
                data = file.read()
            extent, details = OUTLINES[kind](data.decode("utf-8-sig"))
            files.append((path, kind, len(data), extent, details))
        except ValueError:
            n_skipped += 1
    return files, n_skipped


def summary(files, n_skipped, bytes_max):
    counts = ", ".join(f"{sum(it[1] == kind for it in files)} {kind}" for kind in OUTLINES)
    n_bytes = sum(it[2] for it in files)
    text = f"Files: {len(files)} ({counts}), {n_bytes} bytes; {n_skipped} skipped.\n"
    n_lines, left, n_described = min(max(bytes_max // 100, 1), len(files)), bytes_max, 0
    for i in range(n_lines):
        path, _, _, extent, details = files[i * len(files) // n_lines]
        allowance, line = left // (n_lines - i), f"- {path} ({extent})"
        if len(line.encode()) + 1 > allowance:
            continue
        for j, detail in enumerate(details):
            longer = line + ("; " if j else ": ") + detail
            if len(longer.encode()) + 1 > allowance:
                break
            line = longer
        text += line + "\n"
        left -= len(line.encode()) + 1
        n_described += 1
    n_more = len(files) - n_described
    return text + (f"- and {counted(n_more, 'more file')}\n" if n_more else "")


if __name__ == "__main__":
    sys.stdout.write(summary(*ingest(sys.argv[1]), int(sys.argv[2])))
