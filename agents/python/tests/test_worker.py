"""The whole agent: its events in order, the barrier, exit codes, and planted differences."""

import argparse
import io
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest
from support import (
    ROOT,
    Events,
    Server,
    document,
    generated,
    make_task,
    of_type,
    parsed,
    run,
    shape,
    task_line,
    work,
)

from tachograph_agent import cli, planted
from tachograph_agent.client import Client
from tachograph_agent.events import Output
from tachograph_agent.task import Task, TaskError
from tachograph_agent.worker import Worker

BOTH = pytest.mark.parametrize("client", ["httpx", "ollama"])

WHOLE = (
    "ready clock <ingest +a.csv -b/bad.json +b/notes.md ingest> "
    "<analysis call0 completed analysis> <report call1 completed report> "
    "report.md clock completed"
)


def worked(client: str, *scripts: Any, start: bytes = b"", **changes: Any) -> tuple[Events, Server]:
    """Runs a worker against a scripted server."""

    async def steps() -> tuple[Events, Server]:
        async with Server(*scripts) as server:
            return await work(client, make_task(server.url, **changes), start), server

    result: tuple[Events, Server] = run(steps())
    return result


@BOTH
def test_the_workflow_makes_two_calls_and_a_report(client: str, folder: str) -> None:
    events, server = worked(client, generated(), generated(), input=folder)
    assert shape(events) == WHOLE
    prompts = [json.loads(body)["prompt"] for body in server.bodies]
    assert prompts[0].startswith(
        "162 785 951 534\n"
        "You are a performance analyst. Below is a summary of benchmark result files.\n\n"
        "Files: 2 (1 csv, 0 json, 1 markdown), 34 bytes; 1 skipped.\n"
        "- a.csv (2 rows): ttft_ms mean 13 (12.50 to 13.50); run mean 1.50 (1 to 2)\n"
        "- b/notes.md (1 heading): Notes\n"
    )
    assert "Summary: all good.\n\nKey findings:\n- rate is 88 tok/s\n" in prompts[1]
    assert "Recommendations:\n- keep it\n" in prompts[1]
    (report,) = of_type(events, "artifact")
    assert "The workflow was completed." in report["content"]
    assert "| 1 | report | completed |" in report["content"]
    (ready,) = of_type(events, "ready")
    assert ready["implementation"].startswith(f"tachograph-python/0.1.0 ({client}/")
    for sent, body in zip(of_type(events, "call_sent"), server.bodies, strict=True):
        assert sent["request"].encode() == body
        assert sent["request_sha256"] != sent["parity_sha256"]
        assert sent["nonce"] in json.loads(body)["prompt"]
    finished = of_type(events, "call_finished")
    assert [it["n_chunks"] for it in finished] == [3, 3]
    assert [it["call"] for it in of_type(events, "chunk")] == [0, 0, 0, 1, 1, 1]


def test_parity_is_that_of_a_request_without_a_nonce(folder: str) -> None:
    with_nonce, _ = worked("httpx", generated(), generated(), input=folder)
    without, _ = worked("httpx", generated(), generated(), input=folder, prompt_cache="on")
    for one, other in zip(
        of_type(with_nonce, "call_sent"), of_type(without, "call_sent"), strict=True
    ):
        assert one["parity_sha256"] == other["parity_sha256"] == other["request_sha256"]
        assert "nonce" not in other


def test_warm_up_comes_first_and_is_marked(folder: str) -> None:
    events, server = worked("httpx", *[generated()] * 4, input=folder, warmup_calls=2)
    assert shape(events).startswith(
        "ready clock <warmup call0 completed call1 completed warmup> <ingest +a.csv"
    )
    assert "what a benchmark is" in server.bodies[0].decode()


@BOTH
def test_a_call_that_fails_ends_the_calls_and_is_reported(client: str, folder: str) -> None:
    failing = [document("500 No", '{"error":"out of memory"}')]
    events, _ = worked(client, failing, input=folder)
    assert shape(events).endswith(
        "<analysis call0 http_error analysis> report.md clock call_failed"
    )
    report = of_type(events, "artifact")[0]["content"]
    assert "**The analysis call ended as http_error: HTTP 500: out of memory.**" in report
    assert "| a.csv | CSV |" in report


def test_a_folder_without_files_makes_no_call() -> None:
    events, server = worked("httpx")
    assert shape(events) == "ready clock <ingest -. ingest> report.md clock no_input"
    assert server.n_connections == 0


def test_an_agent_waits_at_the_barrier_until_its_instant(folder: str) -> None:
    start_at_ns = time.monotonic_ns() + 30_000_000
    line = json.dumps({"start_at_ns": start_at_ns}).encode() + b"\n"
    events, _ = worked(
        "httpx", *[generated()] * 3, start=line, input=folder, barrier=True, warmup_calls=1
    )
    assert "warmup> waiting <ingest" in shape(events)
    began = next(it for it in of_type(events, "stage_started") if it["stage"] == "ingest")
    assert began["at_ns"] >= start_at_ns
    past, _ = worked("httpx", start=b'{"start_at_ns": 1}\n', barrier=True)
    assert "waiting <ingest" in shape(past)
    for start, reason in ((b"", "ended before the start line"), (b"{}\n", "a start line")):
        with pytest.raises(TaskError, match=reason):
            worked("httpx", start=start, barrier=True)


def execute(line: bytes, capsys: pytest.CaptureFixture[str]) -> tuple[int, Events, str]:
    """Runs the command in place."""
    written = io.BytesIO()
    code = cli.execute("httpx", (io.BytesIO(line), written))
    return code, parsed(written), capsys.readouterr().err


def test_exit_codes_are_those_of_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    code, events, errors = execute(task_line(), capsys)
    assert (code, events[-1]["outcome"], errors) == (0, "no_input", "")
    code, events, errors = execute(b"hello\n", capsys)
    assert (code, events) == (2, [])
    assert "expected one task" in errors
    code, _, errors = execute(task_line(barrier=True), capsys)
    assert code == 2
    assert "ended before the start line" in errors

    class Closed(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError(32, "Broken pipe")

    code = cli.execute("httpx", (io.BytesIO(task_line()), Closed()))
    assert code == 3


def test_what_cannot_be_sent_is_said(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    with_limit = task_line(input=folder, server__api="openai-chat", options={"num_ctx": 5})
    code, _, errors = execute(with_limit, capsys)
    assert code == 0
    assert errors.startswith("tachograph-agent: `num_ctx` cannot be set over /v1")


def started(*arguments: str, line: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    """Runs a module of the package as a program."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "agents" / "python" / "src")}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, input=line, capture_output=True, env=environment)


def test_the_module_is_a_program() -> None:
    ended = started("tachograph_agent", line=task_line())
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert json.loads(ended.stdout.splitlines()[-1])["type"] == "done"
    refused = started(
        "tachograph_agent", "--client", "ollama", line=task_line(server__api="openai-chat")
    )
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"does not speak `openai-chat`" in refused.stderr
    assert started("tachograph_agent", "--version").stdout == b"0.1.0\n"


def with_flags(*arguments: str, folder: str, n_calls: int = 2) -> tuple[Events, Server]:
    """Runs the planted agent against a scripted server."""
    flags = planted.parser().parse_args(arguments)
    written = io.BytesIO()

    def make(task: Task, client: Client, output: Output, start: io.BytesIO) -> Worker:
        del output
        return planted.planted_worker(flags, task, client, (written, start))

    async def steps() -> tuple[Events, Server]:
        async with Server(*[generated()] * n_calls) as server:
            await work(flags.client, make_task(server.url, input=folder), make=make)
            return parsed(written), server

    result: tuple[Events, Server] = run(steps())
    return result


def test_without_flags_the_planted_agent_is_the_real_one(folder: str) -> None:
    events, server = with_flags(folder=folder)
    assert shape(events) == WHOLE
    assert server.bodies == worked("httpx", generated(), generated(), input=folder)[1].bodies


@pytest.mark.parametrize("breach", planted.BREACHES)
def test_each_breach_changes_what_it_says(breach: str, folder: str) -> None:
    honest = [json.loads(it) for it in with_flags(folder=folder)[1].bodies]
    events, server = with_flags("--breach", breach, folder=folder, n_calls=3)
    bodies = [json.loads(it) for it in server.bodies]
    different = {
        name
        for one, other in zip(honest, bodies, strict=False)
        for name in one
        if one[name] != other[name]
    }
    assert (
        different
        == {
            "prompt-byte": {"prompt"},
            "option": {"options"},
            "missing-file": {"prompt"},
            "extra-call": set(),
            "other-model": {"model"},
        }[breach]
    )
    assert len(bodies) == (3 if breach == "extra-call" else 2)
    if breach == "prompt-byte":
        pairs = zip(honest[0]["prompt"], bodies[0]["prompt"], strict=True)
        assert sum(one != other for one, other in pairs) == 1
    if breach == "missing-file":
        assert "b/notes.md" not in shape(events)
    assert events[-1]["outcome"] == "completed"


def test_lies_are_told_in_events_only(folder: str) -> None:
    events, _ = with_flags("--lie-ms", "1000000", folder=folder)
    for sent, finished in zip(
        of_type(events, "call_sent"), of_type(events, "call_finished"), strict=True
    ):
        assert finished["end_ns"] == sent["sent_ns"] + 1
    assert of_type(events, "chunk")[0]["at_ns"] == of_type(events, "call_sent")[0]["sent_ns"] + 1


def test_order_pace_and_memory_can_be_planted(folder: str) -> None:
    events, _ = with_flags("--out-of-order", folder=folder)
    types = [it["type"] for it in events if it["type"].startswith(("call", "chunk"))]
    assert types[:5] == ["chunk", "chunk", "chunk", "call_sent", "call_finished"]
    events, _ = with_flags("--chunk-delay-ms", "5", folder=folder)
    for sent, finished in zip(
        of_type(events, "call_sent"), of_type(events, "call_finished"), strict=True
    ):
        assert finished["end_ns"] - sent["sent_ns"] >= 15_000_000


def test_the_planted_program_misbehaves_as_it_is_told() -> None:
    ended = started(
        "tachograph_agent.planted",
        *("--garbage", "--flood-stderr", "2", "--memory-mb", "8", "--startup-ms", "1"),
        line=task_line(),
    )
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert [it for it in lines if not it.startswith(b"{")] == [b"this line is no event"]
    assert len(ended.stderr) >= 2_000_000
    early = started("tachograph_agent.planted", "--exit-early", line=task_line())
    assert early.returncode == 0
    assert [json.loads(it)["type"] for it in early.stdout.splitlines()] == ["ready"]


def test_the_planted_program_hangs_until_it_is_killed() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "agents" / "python" / "src")}
    command = [sys.executable, "-m", "tachograph_agent.planted", "--hang"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, **pipes) as process:
        assert process.stdin and process.stdout
        process.stdin.write(task_line())
        process.stdin.close()
        assert json.loads(process.stdout.readline())["type"] == "ready"
        assert process.poll() is None
        process.kill()
        assert process.stdout.read() == b""


def test_flags_have_their_limits() -> None:
    with pytest.raises(SystemExit):
        planted.parser().parse_args(["--breach", "everything"])
    assert isinstance(planted.parser().parse_args([]), argparse.Namespace)
