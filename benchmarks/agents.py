#!/usr/bin/env python3
"""Holds Tachograph's own agents against each other on one cassette, over 1,000 files.

`python3 benchmarks/agents.py TACHO [BLOCKS]` writes the files and a plan into a temporary
folder, records a simulated server, runs the study, and prints one table from the report's
claims: means, and ratios to the native agent with their 95 % intervals.
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

WORDS = "latency token server model prompt run cold warm cache batch queue memory rate".split()

PLAN = """schema = "tachograph-plan/1"
name = "agents"
blocks = {blocks}
prompt_cache = "off"

[[servers]]
name = "live"
model = "simulated"
managed = {{ engine = "simulated", set = {{ load_ns = 0, fill_num_predict = true }} }}

[[servers]]
name = "tape"
model = "simulated"
managed = {{ engine = "cassette", cassette = "agents.cassette" }}
{agents}
[implementations]
agents = ["native", "httpx", "ollama"]
servers = ["tape"]

[options]
seed = 1
num_predict = 64
"""

AGENT = """
[[agents]]
name = "{name}"
server = "live"
input = "files"
implementation = "{implementation}"
"""

ROWS = {
    "startup": "start-up, spawn to ready, ms",
    "peak_rss": "peak memory, MB",
    "cpu": "CPU time per run, ms",
    "stage_ingest": "ingest of 1,000 files, ms",
    "overhead_per_call": "overhead per call, ms",
    "run_wall": "wall time, s",
}


def write_files(folder: pathlib.Path) -> None:
    """Writes 1,000 Markdown, JSON and CSV files of 2 to 4 kB."""
    chance = random.Random(1)
    words = lambda n: " ".join(chance.choice(WORDS) for _ in range(n))
    for number in range(1000):
        if number % 3 == 0:
            kind, text = "md", "\n\n".join(f"## {words(3)}\n\n{words(60)}" for _ in range(6)) + "\n"
        elif number % 3 == 1:
            rows = [{"run": i, "ttft_ms": chance.random() * 90, "note": words(4)} for i in range(40)]
            kind, text = "json", json.dumps(rows, indent=1)
        else:
            rows = (f"{i},{chance.random() * 90:.2f},{chance.random() * 200:.2f}" for i in range(150))
            kind, text = "csv", "run,ttft_ms,tok_s\n" + "\n".join(rows) + "\n"
        path = folder / f"d{number % 20:02}" / f"f{number:04}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main() -> None:
    tacho = str(pathlib.Path(sys.argv[1]).resolve())
    blocks = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_files(folder / "files")
        implementations = {"native": "native", "httpx": "python-httpx", "ollama": "python-ollama"}
        agents = "".join(AGENT.format(name=agent, implementation=implementation)
                         for agent, implementation in implementations.items())
        (folder / "plan.toml").write_text(PLAN.format(blocks=blocks, agents=agents))
        for arguments in (["record", "plan.toml", "-o", "agents.cassette"],
                          ["run", "plan.toml", "-o", "study"], ["report", "study"],
                          ["verify", "study"]):
            subprocess.run([tacho, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        report = json.loads((folder / "study/reports/cross-language/claims.json").read_text())
    claims = {claim["id"]: claim for claim in report["claims"]}
    print("| | native | httpx | ratio | ollama | ratio |\n|---|--:|--:|--:|--:|--:|")
    for quantity, title in ROWS.items():
        cells = [f"{claims[f'contest/tape/httpx/{quantity}/mean/native']['value']:.3g}"]
        for agent in ("httpx", "ollama"):
            mean = claims[f"contest/tape/{agent}/{quantity}/mean/{agent}"]["value"]
            ratio = claims[f"contest/tape/{agent}/{quantity}/ratio"]
            low, high = (ratio["interval"][end] for end in ("low", "high"))
            cells += [f"{mean:.3g}", f"{ratio['value']:.3g} [{low:.3g}, {high:.3g}]"]
        print(f"| {title} | {' | '.join(cells)} |")


main()
