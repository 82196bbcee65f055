"""Folders that tests ingest."""

import pathlib

import pytest


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> str:
    """A folder with two files that can be read and one that cannot."""
    (tmp_path / "b").mkdir()
    (tmp_path / "a.csv").write_text("run,ttft_ms\n1,12.5\n2,13.5\n")
    (tmp_path / "b" / "bad.json").write_text('{\n  "x":\n')
    (tmp_path / "b" / "notes.md").write_text("# Notes\n")
    return str(tmp_path)
