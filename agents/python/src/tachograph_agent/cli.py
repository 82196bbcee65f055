"""The command line: from standard input to an exit code.

Exit codes: 0 if the workflow came to an end, whatever that was; 2 if the task cannot be
carried out; 3 if the system refused something.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

import httpx

from tachograph_agent import __version__
from tachograph_agent.client import Client
from tachograph_agent.events import Output
from tachograph_agent.task import Secret, Task, TaskError, parse_task, secret_of
from tachograph_agent.worker import MakeWorker, Worker

CLIENTS = ("httpx", "ollama")

TASK_BYTES_MAX = 1 << 20
"""The longest task that is read."""


def parser() -> argparse.ArgumentParser:
    """Returns the grammar of the command line."""
    grammar = argparse.ArgumentParser(
        prog="tachograph_agent",
        description="Executes one agent's task, read from standard input; see docs/agents.md.",
    )
    grammar.add_argument("--version", action="version", version=__version__)
    grammar.add_argument(
        "--client",
        choices=CLIENTS,
        default="httpx",
        help="the library that makes the calls (default: %(default)s)",
    )
    return grammar


def make_client(name: str, task: Task, secret: Secret | None) -> Client:
    """Returns a client; only its own library is imported."""
    try:
        if name == "ollama":
            from tachograph_agent.client_ollama import OllamaClient

            return OllamaClient(task, secret)
        from tachograph_agent.client_httpx import HttpxClient

        return HttpxClient(task, secret)
    except httpx.InvalidURL as error:
        raise TaskError(f"the server's URL {task.server.url!r} is none: {error}") from None


async def work(worker: Worker) -> None:
    """Runs a worker and closes its connections."""
    try:
        await worker.run()
    finally:
        await worker.client.close()


def execute(
    client: str, streams: tuple[BinaryIO, BinaryIO], make_worker: MakeWorker = Worker
) -> int:
    """Reads a task, carries it out and returns the exit code."""
    start, events = streams
    try:
        task = parse_task(start.readline(TASK_BYTES_MAX))
        secret = secret_of(task.server)
        worker = make_worker(task, make_client(client, task, secret), Output(events), start)
        asyncio.run(work(worker))
    except TaskError as error:
        print(f"tachograph-agent: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"tachograph-agent: the system refused something: {error}", file=sys.stderr)
        return 3
    for notice in worker.notices:
        print(f"tachograph-agent: {notice}", file=sys.stderr)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries the command out."""
    chosen = parser().parse_args(arguments)
    return ended(execute(chosen.client, (sys.stdin.buffer, sys.stdout.buffer)))


def ended(code: int) -> int:
    """Returns the exit code, after which the interpreter has nothing left to write."""
    if code == 3:
        # What is still buffered cannot be written either; Python would say so at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code
