"""Files, outlines and the data summary; most cases are those of the native agent's tests."""

import hashlib
import os
import pathlib
import subprocess
import sys

import pytest
from support import ROOT

from tachograph_agent.ingest import FILE_BYTES_MAX, Ingested, Skipped, ingest, scan
from tachograph_agent.outline import SERIES_MAX, Outline, OutlineError, number, outline
from tachograph_agent.outline import parse_number as parse
from tachograph_agent.summary import head_bytes, main, summary
from tachograph_agent.text import cut, lines, trim

GOLDEN = ROOT / "crates" / "tachograph-run" / "tests" / "agents" / "reference"


@pytest.mark.parametrize("n_bytes", [300, 800, 20_000])
def test_the_summary_of_the_samples_is_the_native_one(
    n_bytes: int, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main([str(ROOT / "samples"), str(n_bytes)]) == 0
    assert capfdbinary.readouterr().out == (GOLDEN / f"samples_{n_bytes}.txt").read_bytes()


def test_the_summary_has_a_usage() -> None:
    command = [sys.executable, "-m", "tachograph_agent.summary", "x"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "agents" / "python" / "src")}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert ended.returncode == 2
    assert "FOLDER BYTES" in ended.stderr


def check(kind: str, text: str, extent: str, details: list[str]) -> None:
    assert outline(kind, text.encode()) == Outline(extent, details)


def test_columns_of_numbers_are_summed_up_and_others_named() -> None:
    text = "\ufeffrun,model,ttft_ms,note\n1,a,12.5,\n2,b,13.5,\n\n3,c, 14 ,\n"
    details = ["ttft_ms mean 13.33 (12.50 to 14)", "run mean 2 (1 to 3)", "model", "note"]
    check("csv", text, "3 rows", details)
    check("csv", 'a,"b ""x"""\r\n"1\n2",3\r\n', "1 row", ['b "x" 3', "a"])
    check("csv", "a\r1\r2\r", "2 rows", ["a mean 1.50 (1 to 2)"])
    check("csv", "a,a\n-0,1\n", "1 row", ["a -0", "a 1"])
    check("csv", "a\n1e308\n1e308\n", "2 rows", ["a"])


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-0.5", -0.5), ("1e3", 1000), ("2.5E-2", 0.025), (" 7\t", 7), ("1e+2", 100)],
)
def test_numbers_are_those_of_the_grammar(text: str, value: float) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    ["", "-", "inf", "nan", "+1", ".5", "5.", "1.e5", "1_000", "1,5", "0x10", "1e999", "--1"],
)
def test_other_texts_are_no_numbers(text: str) -> None:
    assert parse(text) is None
    assert parse("1 2") is parse("٣") is parse("1\n") is None


def test_leaves_of_json_are_named_by_their_path() -> None:
    text = (
        '{"model":"m","runs":[{"t":1,"ok":true},{"t":4.5,"ok":false}],"env":{"cpus":2},"p":[1,2]}'
    )
    details = ["runs[].t mean 2.75 (1 to 4.50)", "env.cpus 2", "p[] mean 1.50 (1 to 2)"]
    check("json", text, "4 keys", [*details, "model", "runs[].ok"])
    check("json", "[]", "0 items", [])
    check("json", "3", "one value", [])
    check("json", '{"a":1,"a":2}', "2 keys", ["a mean 1.50 (1 to 2)"])
    check(
        "json",
        '{"a":-0,"b":18446744073709551616}',
        "2 keys",
        ["a -0", "b " + "1844674407" + "3709551616.0"],
    )
    check(
        "json", f'{{"{"é" * 40}":1,"{"é" * 41}":2}}', "2 keys", ["é" * 30 + " mean 1.50 (1 to 2)"]
    )


def test_headings_are_those_outside_fences() -> None:
    text = (
        "# Report\ntext\n```sh\n# not a heading\n```\n## Results \n####### seven\n#tag\n"
        "## last\r\n# \u2028end"
    )
    check("markdown", text, "4 headings", ["Report", "Results", "last", "end"])


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("csv", b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields where the header has 2"),
        ("csv", b'a,b\r\n\r\n"1\r\n2",3\r\n4\r\n', "line 5: 1 fields where"),
        ("csv", b"", "line 1: no header line; a CSV file starts with its column names"),
        ("csv", b"\n,\n1,2\n", "line 1: no header line; a CSV file starts with its column names"),
        ("json", b'{\n"a": 1,\n}', "malformed JSON"),
        ("json", b"{} {}", "malformed JSON: Extra data"),
        ("json", b"[NaN]", "NaN is not JSON"),
        ("json", b"[1e999]", "out of range"),
        ("json", b'["\\ud800"]', "lone surrogate"),
        ("json", b"[" * 128 + b"]" * 128, "recursion limit"),
        ("json", b"[" * 100_000, "recursion"),
        ("markdown", b"a\nb\n\xff\n", "line 3: not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_malformed_files_are_refused_with_their_place(kind: str, data: bytes, reason: str) -> None:
    with pytest.raises(OutlineError) as refused:
        outline(kind, data)
    assert reason in str(refused.value)


def test_what_the_limits_allow_is_read() -> None:
    check("json", "[" * 127 + "]" * 127, "1 item", [])
    wide = outline("csv", b"column," * 200 + b"\n")
    assert len(wide.details) == SERIES_MAX


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "-0"),
        (12.0, "12"),
        (-3.0, "-3"),
        (0.12345, "0.1235"),
        (2.125, "2.12"),
        (123.45, "123.5"),
        (0.25, "0.2500"),
        (99.999, "100.00"),
        (1e15, "1000000000000000.0"),
        (-1e-9, "-0.0000"),
    ],
)
def test_numbers_are_printed_by_their_size(value: float, text: str) -> None:
    assert number(value) == text


def test_texts_are_cut_and_split_as_the_rules_say() -> None:
    assert len(cut("é" * 80, 61).encode()) == 60
    assert lines("a\r\nb\x0bc\u2028\n\nd\r") == ["a", "b\x0bc\u2028", "", "d\r"]
    assert lines("") == []
    assert trim("\x1f a\u3000\x85") == "\x1f a"


def test_a_scan_is_in_byte_order_and_says_what_it_left_out(tmp_path: pathlib.Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    for name, text in {
        "b.csv": "x\n1\n",
        "b/deep/a.JSON": "{}",
        "B.md": "# B",
        "b/notes.txt": "",
        "b/bad.json": "{\n",
    }.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    (tmp_path / "b" / "link.md").symlink_to(tmp_path / "B.md")
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.csv")
    with open(os.fsencode(tmp_path) + b"/x\xff.csv", "wb"):
        pass
    folder = str(tmp_path)
    read = [ingest(folder, found) for found in scan(folder)]
    good = [it.path for it in read if isinstance(it, Ingested)]
    assert good == ["B.md", "b.csv", "b/deep/a.JSON", "b/link.md"]
    skipped = {it.path: it.reason for it in read if isinstance(it, Skipped)}
    assert list(skipped) == sorted(skipped)
    assert skipped.pop("b/bad.json").startswith("line 2, column 1: malformed JSON")
    assert skipped == {
        ".git": "hidden",
        "b/loop": "a link to a folder is not followed",
        "b/notes.txt": "not a .csv, .json or .md file",
        "dangling.csv": "could not be read: No such file or directory (os error 2)",
        "pipe.csv": "not a regular file",
        "x\ufffd.csv": "the name is not UTF-8",
    }
    csv = next(it for it in read if it.path == "b.csv")
    assert isinstance(csv, Ingested)
    assert (csv.n_bytes, csv.sha256) == (4, hashlib.sha256(b"x\n1\n").hexdigest())


def test_a_folder_that_is_not_there_is_said() -> None:
    (found,) = scan("/nonexistent/folder")
    assert found.path == "."
    assert found.reason.startswith("could not list the folder: No such file")


def test_a_file_above_the_limit_is_skipped(tmp_path: pathlib.Path) -> None:
    with open(tmp_path / "big.csv", "wb") as file:
        file.truncate(FILE_BYTES_MAX + 1)
    skipped = ingest(str(tmp_path), scan(str(tmp_path))[0])
    assert skipped == Skipped("big.csv", "larger than 4194304 bytes; split it")


def file(path: str, *details: str) -> Ingested:
    return Ingested(path, "csv", 10, "0" * 64, Outline("3 rows", list(details)))


def test_what_one_line_saves_the_next_one_uses() -> None:
    fits = "x" * 150
    files = [file("a.csv"), file("b.csv", "one 1", "two 2", fits)]
    assert summary(files, 1, 200) == (
        "Files: 2 (2 csv, 0 json, 0 markdown), 20 bytes; 1 skipped.\n"
        f"- a.csv (3 rows)\n- b.csv (3 rows): one 1; two 2; {fits}\n"
    )
    files[1] = file("b.csv", "one 1", "two 2", fits + "x")
    assert summary(files, 1, 200).endswith("- b.csv (3 rows): one 1; two 2\n")
    assert summary(files, 1, 40).endswith("- a.csv (3 rows)\n- and 1 more file\n")
    assert summary(files, 1, 9).endswith("1 skipped.\n- and 2 more files\n")
    assert summary([], 0, 9) == "Files: 0 (0 csv, 0 json, 0 markdown), 0 bytes; 0 skipped.\n"
    assert (head_bytes(800), head_bytes(101)) == (300, 37)


def test_many_files_are_sampled_evenly_within_the_bound() -> None:
    text = summary([file(f"folder/file_{i:03}.csv", "n 1") for i in range(480)], 0, 800)
    assert len(text) < 900
    found = text.splitlines()
    assert len(found) == 10
    assert found[2] == "- folder/file_060.csv (3 rows): n 1"
    assert found[9] == "- and 472 more files"
