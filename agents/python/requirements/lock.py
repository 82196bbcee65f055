"""Writes the requirement files beside this script, every package pinned with its hashes.

    python requirements/lock.py            # write, with what pip would install now
    python requirements/lock.py --check    # check the files without asking any index

A release may have many wheels, for other systems and other Pythons; the hashes of all
that pip may choose on Linux and macOS, with each supported Python, are listed, so that
the same file serves each of them. pip's own configuration says where packages come from,
and no address gets into a file.
"""

import argparse
import contextlib
import itertools
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from typing import Any

FOLDER = pathlib.Path(__file__).resolve().parent

OLD_PYTHON = 'python_version < "3.11"'

TOP_LEVEL = {
    "httpx": {"httpx==0.28.1": "", "exceptiongroup": OLD_PYTHON},
    "ollama": {"ollama==0.6.3": "", "exceptiongroup": OLD_PYTHON},
    "test": {
        "ollama==0.6.3": "",
        "httpx==0.28.1": "",
        "pytest==9.2.0": "",
        "exceptiongroup": OLD_PYTHON,
        "tomli": OLD_PYTHON,
    },
}
"""What each file is for, with the condition under which it is needed; the rest follows.

What only old Pythons need is named here, since pip tells what the Python needs that runs
it.
"""

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

PLATFORMS = (
    "manylinux2014_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux2014_aarch64",
    "manylinux_2_28_aarch64",
    "musllinux_1_1_x86_64",
    "musllinux_1_2_x86_64",
    "musllinux_1_2_aarch64",
    "macosx_11_0_arm64",
    "macosx_10_12_x86_64",
)

ENTRY = re.compile(r'[a-z0-9-]+==[0-9a-z.]+( ; [a-z_]+ < "3\.11")?( --hash=sha256:[0-9a-f]{64})+')

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]

HEAD = "# Written by requirements/lock.py from: {}\n"

Pins = dict[str, tuple[str, set[str]]]
"""Version and hashes of each package."""


def report(requirements: list[str], *options: str) -> list[dict[str, Any]]:
    """Returns what pip would install."""
    with tempfile.TemporaryDirectory() as nowhere:
        command = [*PIP, "install", "--dry-run", "--quiet", "--ignore-installed", *options]
        command += ["--only-binary", ":all:", "--target", nowhere, "--report", "-"]
        output = subprocess.run([*command, *requirements], check=True, capture_output=True)
    installed: list[dict[str, Any]] = json.loads(output.stdout)["install"]
    return installed


def sha256(package: dict[str, Any]) -> str:
    """Returns the digest of the wheel that pip would take."""
    digest: str = package["download_info"]["archive_info"]["hashes"]["sha256"]
    return digest


def every_sha256(pin: str) -> set[str]:
    """Returns the digests of all wheels of a release that pip may choose."""
    digests: set[str] = set()
    places = itertools.chain(itertools.product(PYTHONS, PLATFORMS), [(PYTHONS[0], "any")])
    for python, platform in places:
        options = ("--no-deps", "--python-version", python, "--platform", platform)
        # Not every release has a wheel for every place.
        with contextlib.suppress(subprocess.CalledProcessError):
            digests.update(map(sha256, report([pin], *options)))
    return digests


def pins(requirements: list[str]) -> Pins:
    """Returns every package that is needed, with its version and hashes."""
    found: Pins = {}
    for package in report(requirements):
        name = re.sub(r"[-_.]+", "-", package["metadata"]["name"]).lower()
        version = package["metadata"]["version"]
        is_pure = package["download_info"]["url"].endswith("-none-any.whl")
        digests = {sha256(package)} if is_pure else every_sha256(f"{name}=={version}")
        found[name] = (version, digests)
    return found


def written(requirements: dict[str, str], found: Pins) -> str:
    """Returns the text of a requirement file."""
    text = HEAD.format(", ".join(requirements))
    for name, (version, digests) in sorted(found.items()):
        condition = requirements.get(name)
        pin = f"{name}=={version}" + (f" ; {condition}" if condition else "")
        text += " \\\n    ".join([pin, *(f"--hash=sha256:{it}" for it in sorted(digests))]) + "\n"
    return text


def problems(name: str, text: str) -> list[str]:
    """Returns what is wrong with a requirement file, as far as it can be seen offline."""
    found = []
    if not text.startswith(HEAD.format(", ".join(TOP_LEVEL[name]))):
        found.append("was written from another list")
    if "://" in text:
        found.append("names an address")
    entries = text.split("\n", 1)[1].replace(" \\\n    ", " ").splitlines()
    names = [entry.split("==")[0] for entry in entries]
    if names != sorted(set(names)):
        found.append("is not in order, or names a package twice")
    for entry in entries:
        if not ENTRY.fullmatch(entry):
            found.append(f"has a line that is not pinned by hashes: {entry[:60]}")
    for requirement in TOP_LEVEL[name]:
        if not any(re.match(rf"{re.escape(requirement)}(==| )", entry) for entry in entries):
            found.append(f"lacks {requirement}")
    return found


def main() -> int:
    """Writes or checks the files."""
    grammar = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    grammar.add_argument("--check", action="store_true", help="only look at the files")
    is_check = grammar.parse_args().check
    n_problems = 0
    for name, requirements in TOP_LEVEL.items():
        path = FOLDER / f"{name}.txt"
        if not is_check:
            path.write_text(written(requirements, pins(list(requirements))))
            print(f"{path.name} is written")
        for problem in problems(name, path.read_text()):
            print(f"{path.name} {problem}")
            n_problems += 1
    return 1 if n_problems else 0


if __name__ == "__main__":
    sys.exit(main())
