#!/usr/bin/env python3
"""Writes the files beside this script, which agents ingest by default.

    python3 samples/make_samples.py           # write
    python3 samples/make_samples.py --check   # exit 1 if a file differs

Everything here is made up: the models (Lark, Heron) and the machines do not
exist, and every number comes from the small timing model below and a fixed
seed. The files look like the results of LLM benchmarks, so that an agent has
something realistic to read. One file, long-run/exports/day_3_partial.csv, is
broken on purpose: its last row is cut off, and an agent has to report it and
go on without it.
"""

import csv
import io
import json
import pathlib
import random
import statistics
import sys

FOLDER = pathlib.Path(__file__).resolve().parent
SEED = 20240611

COLUMNS = [
    "run", "block", "configuration", "prompt_tokens", "output_tokens", "load_duration_ms",
    "ttft_ms", "decode_ms", "e2e_ms", "tokens_per_second", "peak_rss_mb",
]


class Machine:
    """A server with one model: rates in tokens per second, times in ms."""

    def __init__(self, prompt_rate, decode_rate, load_ms, rss_mb, spread=0.03):
        self.prompt_rate = prompt_rate
        self.decode_rate = decode_rate
        self.load_ms = load_ms
        self.rss_mb = rss_mb
        self.spread = spread

    def call(self, rng, prompt_tokens, output_tokens, cold=False, slowdown=1.0):
        """Returns the measured columns of one call."""
        def noisy(value):
            return value * slowdown * max(0.7, rng.gauss(1.0, self.spread))

        load_ms = round(noisy(self.load_ms) if cold else rng.uniform(1.5, 4.0), 1)
        prompt_ms = noisy(1000.0 * prompt_tokens / self.prompt_rate)
        ttft_ms = round(load_ms + prompt_ms + rng.uniform(0.8, 2.2), 1)
        decode_ms = round(noisy(1000.0 * (output_tokens - 1) / self.decode_rate), 1)
        return {
            "prompt_tokens": prompt_tokens,
            "output_tokens": output_tokens,
            "load_duration_ms": load_ms,
            "ttft_ms": ttft_ms,
            "decode_ms": decode_ms,
            "e2e_ms": round(ttft_ms + decode_ms + rng.uniform(0.2, 0.9), 1),
            "tokens_per_second": round(1000.0 * (output_tokens - 1) / decode_ms, 2),
            "peak_rss_mb": round(self.rss_mb + rng.uniform(-2.0, 2.0), 1),
        }


def csv_text(columns, rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def json_text(value):
    return json.dumps(value, indent=2) + "\n"


def summary(values, digits=2):
    """Returns n, mean, sample standard deviation, median, minimum and maximum."""
    return {
        "n": len(values),
        "mean": round(statistics.mean(values), digits),
        "sd": round(statistics.stdev(values), digits),
        "median": round(statistics.median(values), digits),
        "min": min(values),
        "max": max(values),
    }


def column(rows, name):
    return [row[name] for row in rows]


def mean(rows, name, digits=1):
    return f"{statistics.mean(column(rows, name)):.{digits}f}"


def markdown_table(head, rows):
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def context_sweep(rng, files):
    by_context = {}
    for context, load_ms, rss_mb in [(512, 410, 268), (1024, 425, 279), (2048, 455, 301),
                                     (4096, 520, 346)]:
        machine = Machine(215, 96, load_ms, rss_mb)
        rows = []
        for block in range(1, 6):
            for turn in (1, 2):
                measured = machine.call(rng, rng.randint(330, 470), rng.randint(70, 128),
                                        cold=turn == 1)
                rows.append({"run": len(rows) + 1, "block": block,
                             "configuration": f"ctx{context}", **measured})
        by_context[context] = rows
        files[f"context-sweep/runs_ctx{context}.csv"] = csv_text(COLUMNS, rows)

    files["context-sweep/plan.json"] = json_text({
        "study": "context-sweep",
        "question": "Does a longer context window slow the lark-0.4b model down?",
        "model": {"name": "lark-0.4b", "quantisation": "q4", "context_max": 8192},
        "factors": {"num_ctx": sorted(by_context)},
        "fixed": {"temperature": 0.2, "num_predict": 128, "threads": 1},
        "blocks": 5,
        "calls_per_block": 2,
        "order": "shuffled within each block",
        "notes": None,
    })
    cold = {c: [r for r in rows if r["load_duration_ms"] > 100]
            for c, rows in by_context.items()}
    warm = {c: [r for r in rows if r["load_duration_ms"] <= 100]
            for c, rows in by_context.items()}
    files["context-sweep/summary.json"] = json_text([
        {
            "num_ctx": context,
            "tokens_per_second": summary(column(rows, "tokens_per_second")),
            "ttft_ms_cold": summary(column(cold[context], "ttft_ms"), 1),
            "ttft_ms_warm": summary(column(warm[context], "ttft_ms"), 1),
            "peak_rss_mb": summary(column(rows, "peak_rss_mb"), 1),
        }
        for context, rows in by_context.items()
    ])
    table = markdown_table(
        ["num_ctx", "calls", "tok/s, mean", "cold TTFT, ms", "warm TTFT, ms", "peak RSS, MB"],
        [[c, len(rows), mean(rows, "tokens_per_second"), mean(cold[c], "ttft_ms"),
          mean(warm[c], "ttft_ms"), mean(rows, "peak_rss_mb")]
         for c, rows in by_context.items()])
    files["context-sweep/notes.md"] = f"""# Context sweep, lark-0.4b

Four context lengths, five blocks, two calls in each block. The first call of a
block loads the model (cold), the second finds it loaded (warm).

{table}
## Observations

- The decode rate hardly depends on the reserved context, as the prompts fill
  only a part of it.
- A longer context takes longer to load and needs more memory.
- Cold and warm times to first token must stay apart: the mean of both says
  nothing about either.

## Open questions

1. What happens when the prompt fills the window?
2. Is the difference in load time the same on a machine with slower storage?
"""


def quantisation(rng, files):
    by_level = {}
    for level, decode_rate, prompt_rate, rss_mb in [("q4", 62, 240, 1180), ("q8", 41, 236, 1950),
                                                    ("f16", 23, 205, 3420)]:
        machine = Machine(prompt_rate, decode_rate, 2.1 * rss_mb, rss_mb, spread=0.02)
        by_level[level] = [
            {"run": run, "block": (run + 1) // 2, "configuration": f"heron-1b-{level}",
             **machine.call(rng, rng.randint(500, 620), 160, cold=run == 1)}
            for run in range(1, 13)
        ]
        files[f"quantisation/{level}/runs.csv"] = csv_text(COLUMNS, by_level[level])
    quality = {"q4": 37, "q8": 41, "f16": 42}
    files["quantisation/summary.json"] = json_text({
        "model": "heron-1b",
        "host": {"name": "bench-a", "cores": 4, "memory_gb": 16, "gpu": None},
        "levels": {
            level: {
                "tokens_per_second": summary(column(rows, "tokens_per_second")),
                "e2e_ms_warm": summary(column(rows[1:], "e2e_ms"), 1),
                "peak_rss_mb": summary(column(rows, "peak_rss_mb"), 1),
                "questions": {"asked": 50, "right": quality[level]},
            }
            for level, rows in by_level.items()
        },
    })
    table = markdown_table(
        ["level", "tok/s, mean", "peak RSS, MB", "right answers of 50"],
        [[level, mean(rows, "tokens_per_second"), mean(rows, "peak_rss_mb"), quality[level]]
         for level, rows in by_level.items()])
    files["quantisation/notes.md"] = f"""# Quantisation of heron-1b on bench-a

Twelve calls for each level, 160 output tokens each, one thread. The first call
of each level loads the model.

{table}
With 50 questions, the difference between q8 and f16 is one answer and decides
nothing. The difference in speed is far outside the spread between runs.

> The three levels were measured one after the other, not in shuffled blocks.
> A slow drift of the machine would look like an effect of the level.
"""


def concurrency(rng, files):
    columns = ["run", "agents", "agent", "output_tokens", "ttft_ms", "wall_s",
               "tokens_per_second"]
    walls = {}
    for n_agents, slowdown in [(1, 1.0), (2, 1.18), (4, 2.35)]:
        machine = Machine(320, 78, 600, 900, spread=0.04)
        rows = []
        for run in range(1, 6):
            for agent in range(1, n_agents + 1):
                call = machine.call(rng, 420, rng.randint(180, 220), slowdown=slowdown)
                rows.append({
                    "run": run, "agents": n_agents, "agent": f"agent-{agent}",
                    "output_tokens": call["output_tokens"], "ttft_ms": call["ttft_ms"],
                    "wall_s": round(call["e2e_ms"] / 1000.0, 3),
                    "tokens_per_second": call["tokens_per_second"],
                })
        files[f"concurrency/agents_{n_agents}.csv"] = csv_text(columns, rows)
        walls[n_agents] = [
            max(row["wall_s"] for row in rows if row["run"] == run) for run in range(1, 6)
        ]
    files["concurrency/topology.json"] = json_text({
        "host": "bench-b",
        "cores": 2,
        "servers": [
            {"name": "left", "port": 11434, "threads": 1, "parallel": 2, "keep_alive": "5m"},
            {"name": "right", "port": 11435, "threads": 1, "parallel": 2, "keep_alive": "5m"},
        ],
        "assignment": {"agent-1": "left", "agent-2": "right", "agent-3": "left",
                       "agent-4": "right"},
        "makespan_s": {str(n): summary(values, 3) for n, values in walls.items()},
    })
    alone = statistics.mean(walls[1])
    lines = []
    for n_agents in (2, 4):
        together = statistics.mean(walls[n_agents])
        lines.append(f"- {n_agents} agents: the slowest needs {together:.2f} s on average, against\n"
                     f"  {alone:.2f} s for one agent alone; {n_agents} runs one after the other "
                     f"would need\n  about {n_agents * alone:.2f} s.\n")
    files["concurrency/findings.md"] = f"""# Agents at the same time

Two servers with one thread each on a machine with two cores.

{"".join(lines)}
Two agents slow each other down a little, although each has a core and a server
of its own. Four agents share two cores, so that each waits for another one.

The measure to quote is the time of the slowest agent (the makespan) against
the time alone. How equal the agents' times are says nothing about that.
"""


def cold_start(rng, files):
    rows, timeline = [], []
    clock_ms = 0.0
    for model, load_ms, rss_mb in [("lark-0.4b", 430, 275), ("heron-1b", 2400, 1180),
                                   ("heron-3b", 6900, 2860)]:
        machine = Machine(180, 40, load_ms, rss_mb, spread=0.08)
        for attempt in range(1, 7):
            call = machine.call(rng, 64, 32, cold=attempt % 2 == 1)
            state = "cold" if attempt % 2 == 1 else "warm"
            rows.append({"model": model, "attempt": attempt, "state": state,
                         "load_duration_ms": call["load_duration_ms"],
                         "ttft_ms": call["ttft_ms"], "peak_rss_mb": call["peak_rss_mb"]})
            timeline.append({"at_ms": round(clock_ms, 1), "model": model, "event": "request",
                             "cold": state == "cold"})
            clock_ms += call["e2e_ms"]
            timeline.append({"at_ms": round(clock_ms, 1), "model": model, "event": "done",
                             "output_tokens": 32})
            clock_ms += 250.0
    files["cold-start/loads.csv"] = csv_text(list(rows[0]), rows)
    files["cold-start/timeline.json"] = json_text(timeline[:24])
    table = markdown_table(
        ["model", "cold TTFT, ms", "warm TTFT, ms"],
        [[model] + [f"{statistics.mean(r['ttft_ms'] for r in rows if (r['model'], r['state']) == (model, state)):.0f}"
                    for state in ("cold", "warm")]
         for model in ("lark-0.4b", "heron-1b", "heron-3b")])
    files["cold-start/notes.md"] = f"""# Cold start

Each model was asked six times; before every odd attempt it was evicted.

{table}
Most of a cold call's waiting is the loading of the weights, which grows with
their size. The timeline lists the first twelve calls.
"""


def long_run(rng, files):
    columns = ["hour", "requests", "failed", "ttft_ms_p50", "ttft_ms_p95", "tokens_per_second",
               "cpu_mhz", "temperature_c"]
    days = {}
    for day in (1, 2, 3):
        rows = []
        for hour in range(24):
            # The afternoon is warm, and on day 2 a backup runs from 13 to 16.
            warmth = max(0.0, 1.0 - abs(hour - 15) / 6.0)
            backup = day == 2 and 13 <= hour <= 16
            rate = 88.0 * (1.0 - 0.06 * warmth) * (0.72 if backup else 1.0)
            rate *= rng.gauss(1.0, 0.01)
            p50 = 9800.0 / rate * rng.gauss(1.0, 0.02)
            rows.append({
                "hour": hour,
                "requests": 120,
                "failed": rng.choice([0, 0, 0, 0, 1]) + (rng.randint(2, 5) if backup else 0),
                "ttft_ms_p50": round(p50, 1),
                "ttft_ms_p95": round(p50 * rng.uniform(1.5, 1.9), 1),
                "tokens_per_second": round(rate, 2),
                "cpu_mhz": round(3400 - 280 * warmth + rng.uniform(-15, 15)),
                "temperature_c": round(54 + 19 * warmth + rng.uniform(-1, 1), 1),
            })
        days[day] = rows
    files["long-run/day_1.csv"] = csv_text(columns, days[1])
    files["long-run/day_2.csv"] = csv_text(columns, days[2])
    # Broken on purpose: the export stopped in the middle of a row.
    partial = csv_text(columns, days[3][:9])
    files["long-run/exports/day_3_partial.csv"] = (
        partial + f"9,120,0,{days[3][9]['ttft_ms_p50']}\n")
    files["long-run/drift.json"] = json_text({
        "unit": {"tokens_per_second": "1/s", "temperature_c": "degree Celsius"},
        "days": [
            {
                "day": day,
                "requests": sum(column(days[day], "requests")),
                "failed": sum(column(days[day], "failed")),
                "tokens_per_second": summary(column(days[day], "tokens_per_second")),
                "hottest_hour": max(days[day], key=lambda row: row["temperature_c"])["hour"],
                "complete": True,
            }
            for day in (1, 2)
        ] + [{"day": 3, "complete": False, "reason": "export interrupted"}],
    })
    busy = [row for row in days[2] if 13 <= row["hour"] <= 16]
    calm = [row for row in days[1] if 13 <= row["hour"] <= 16]
    files["long-run/incident_log.md"] = f"""# Incident log

## Day 2, 13:00 to 16:59: throughput drops

- Seen: {mean(busy, "tokens_per_second")} tok/s, against
  {mean(calm, "tokens_per_second")} tok/s in the same hours of day 1.
- Failed requests in that time: {sum(column(busy, "failed"))} of {sum(column(busy, "requests"))}.
- Cause: a backup job on the same disk and the same cores.
- Action: the job now runs in a window without measurements.

## Day 3: export interrupted

The export of day 3 stopped in the middle of a row. The file stays here as it
is, `exports/day_3_partial.csv`, and must not be used.
"""


def prompts(rng, files):
    rows = []
    for number, topic in enumerate(["invoice", "travel", "incident", "contract", "survey",
                                    "release", "minutes", "recipe", "glossary", "timetable",
                                    "complaint", "manual"], start=1):
        characters = rng.randint(600, 4200)
        rows.append({"prompt": f"p{number:02d}", "topic": topic, "characters": characters,
                     "tokens_lark": round(characters / rng.uniform(3.7, 4.3)),
                     "tokens_heron": round(characters / rng.uniform(4.2, 4.8))})
    files["prompts/lengths.csv"] = csv_text(list(rows[0]), rows)
    files["prompts/prompt_set.json"] = json_text({
        "version": 3,
        "language": "en",
        "tasks": ["summarise", "extract", "rewrite"],
        "prompts": [{"id": row["prompt"], "topic": row["topic"],
                     "task": ["summarise", "extract", "rewrite"][at % 3]}
                    for at, row in enumerate(rows)],
        "tokens": {name: summary(column(rows, f"tokens_{name}"), 1) for name in ("lark", "heron")},
    })


def cost(files):
    price_kwh, price_hour = 0.28, 0.11
    rows = []
    for model, rate, watts in [("lark-0.4b", 88.0, 38), ("heron-1b", 62.0, 47),
                               ("heron-3b", 24.0, 61)]:
        hours = 1e6 / rate / 3600.0
        energy = hours * watts / 1000.0
        rows.append({"model": model, "tokens_per_second": rate, "watts": watts,
                     "hours_per_million_tokens": round(hours, 3),
                     "energy_kwh": round(energy, 4),
                     "cost_eur": round(energy * price_kwh + hours * price_hour, 3)})
    files["cost/per_million_tokens.csv"] = csv_text(list(rows[0]), rows)
    files["cost/assumptions.json"] = json_text({
        "currency": "EUR",
        "electricity_per_kwh": price_kwh,
        "machine_per_hour": price_hour,
        "utilisation": 1.0,
        "excludes": ["staff", "network", "idle time"],
    })


def overview(files):
    folders = sorted({name.split("/")[0] for name in files})
    listing = "".join(f"- `{folder}/`\n" for folder in folders)
    files["overview.md"] = f"""# Bench notes, June

Results of a small bench with two machines, `bench-a` (4 cores) and `bench-b`
(2 cores), and three models: lark-0.4b, heron-1b and heron-3b.

{listing}
Columns mean the same everywhere: `ttft_ms` is the time from sending a request
to the first token, `tokens_per_second` the decode rate after that token,
`load_duration_ms` what the server says it spent on loading the model, and
`peak_rss_mb` the largest resident memory of the server process.

Questions for the reader of this folder: which setting costs the most time,
which figures rest on too few runs, and what should be measured next?
"""


def all_files():
    rng = random.Random(SEED)
    files = {}
    for section in (context_sweep, quantisation, concurrency, cold_start, long_run, prompts):
        section(rng, files)
    cost(files)
    overview(files)
    return files


def main():
    differing = []
    for name, text in sorted(all_files().items()):
        path = FOLDER / name
        if "--check" in sys.argv[1:]:
            if not path.is_file() or path.read_bytes() != text.encode():
                differing.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    for name in differing:
        print(f"{name} differs from what this script writes", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
