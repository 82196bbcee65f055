"""The requirement files are pinned by hashes, and belong to the list that made them."""

import importlib.util

import pytest
from support import ROOT

FOLDER = ROOT / "agents" / "python" / "requirements"
SPEC = importlib.util.spec_from_file_location("lock", FOLDER / "lock.py")
assert SPEC and SPEC.loader
lock = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(lock)


@pytest.mark.parametrize("name", list(lock.TOP_LEVEL))
def test_requirements_are_pinned(name: str) -> None:
    assert lock.problems(name, (FOLDER / f"{name}.txt").read_text()) == []


def test_problems_are_seen() -> None:
    text = (FOLDER / "httpx.txt").read_text()
    for damage, problem in (
        (("--hash=sha256:c", "--hash=md5:c"), "not pinned"),
        (("h11==", "a11=="), "not in order"),
        (("httpx==0.28.1 ", "httpx==0.28.0 "), "lacks httpx"),
        (("from: httpx", "from: requests"), "another list"),
        (("certifi", "https://certifi"), "names an address"),
    ):
        assert any(problem in it for it in lock.problems("httpx", text.replace(*damage)))
