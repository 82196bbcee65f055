"""What tests share: a scripted server on loopback, tasks, and workers that run in place."""

import asyncio
import io
import json
import pathlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tachograph_agent import cli
from tachograph_agent.client import Client
from tachograph_agent.events import Output
from tachograph_agent.task import Task, parse_task, secret_of
from tachograph_agent.worker import Worker

ROOT = pathlib.Path(__file__).resolve().parents[3]

HANG = object()
"""In a script: wait until the client goes away."""

GENERATED = "Summary: all good.\nKey findings:\n- rate is 88 tok/s\nRecommendations:\n- keep it"

Script = Sequence[Any]


def head(status: str = "200 OK", media_type: str = "application/x-ndjson") -> bytes:
    """The head of an answer whose body comes in chunks."""
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()


def chunk(data: str | bytes) -> bytes:
    """A chunk of a body."""
    data = data.encode() if isinstance(data, str) else data
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def document(status: str, body: str, headers: str = "") -> bytes:
    """An answer with a length."""
    length = len(body.encode())
    return f"HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n{body}".encode()


def line(**fields: Any) -> bytes:
    """A chunk that is one line of JSON."""
    return chunk(json.dumps(fields) + "\n")


FINAL = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 9,
    "load_duration": 1,
    "prompt_eval_count": 12,
    "prompt_eval_duration": 3,
    "eval_count": 2,
    "eval_duration": 4,
}


def generated(text: str = GENERATED) -> list[bytes]:
    """An answer of `/api/generate`, in two pieces."""
    half = len(text) // 2
    pieces = [line(response=text[:half], done=False), line(response=text[half:], done=False)]
    return [head(), *pieces, line(response="", **FINAL), END]


class Server:
    """Answers the requests of all connections, one script for each request."""

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.requests: list[tuple[str, bytes]] = []
        self.n_connections = 0
        self.url = ""

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    @property
    def bodies(self) -> list[bytes]:
        return [body for _, body in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        try:
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(it.split(":")[1])
                    for it in request.split("\r\n")
                    if it.lower().startswith("content-length:")
                )
                self.requests.append((request, await reader.readexactly(length)))
                for step in self.scripts.pop(0):
                    if step is HANG:
                        await reader.read()
                        return
                    writer.write(step)
                    await writer.drain()
                if "connection: close" in request.lower() or not self.scripts:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def task_line(url: str = "http://127.0.0.1:1", **changes: Any) -> bytes:
    """A task as a line; a change of a server's or a time-out's key is named with its parent."""
    task: dict[str, Any] = {
        "protocol": 1,
        "run": "baseline_default/run_001",
        "agent": "analyst",
        "input": "/nonexistent",
        "summary_bytes": 800,
        "server": {"name": "main", "url": url, "api": "ollama-generate", "model": "m:1b"},
        "options": {"num_predict": 64},
        "warmup_calls": 0,
        "connection": "fresh",
        "prompt_cache": "nonce",
        "nonce": "quick/0",
        "timeouts": {
            "connect_s": 5.0,
            "first_token_s": 60.0,
            "between_chunks_s": 60.0,
            "call_s": 60.0,
        },
    }
    for name, value in changes.items():
        place, _, key = name.partition("__")
        if key:
            task[place][key] = value
        elif value is None:
            del task[place]
        else:
            task[place] = value
    return json.dumps(task).encode() + b"\n"


def make_task(url: str, **changes: Any) -> Task:
    """A task as the agent has it."""
    return parse_task(task_line(url, **changes))


def run(steps: Coroutine[Any, Any, Any]) -> Any:
    """Runs a test's steps; what hangs is a failure, and not a test that never ends."""
    return asyncio.run(asyncio.wait_for(steps, 20))


Events = list[dict[str, Any]]


async def work(
    client: str,
    task: Task,
    start: bytes = b"",
    make: Callable[[Task, Client, Output, io.BytesIO], Worker] = Worker,
) -> Events:
    """Runs a worker in this loop and returns its events."""
    written = io.BytesIO()
    made = cli.make_client(client, task, secret_of(task.server))
    await cli.work(make(task, made, Output(written), io.BytesIO(start)))
    return parsed(written)


def parsed(written: io.BytesIO) -> Events:
    """Returns the events that were written."""
    return [json.loads(it) for it in written.getvalue().splitlines()]


def of_type(events: Events, name: str) -> Events:
    """Returns the events of one type."""
    return [event for event in events if event["type"] == name]


WORDS: dict[str, Callable[[dict[str, Any]], str]] = {
    "file_ingested": lambda it: f"+{it['path']}",
    "file_skipped": lambda it: f"-{it['path']}",
    "stage_started": lambda it: f"<{it['stage']}",
    "stage_finished": lambda it: f"{it['stage']}>",
    "call_sent": lambda it: f"call{it['call']}",
    "call_finished": lambda it: str(it["status"]),
    "artifact": lambda it: str(it["name"]),
    "done": lambda it: str(it["outcome"]),
}


def shape(events: Events) -> str:
    """Returns the events by name, chunks left out."""
    told = [event for event in events if event["type"] != "chunk"]
    return " ".join(WORDS[it["type"]](it) if it["type"] in WORDS else it["type"] for it in told)
