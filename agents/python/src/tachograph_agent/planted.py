"""The same agent with PLANTED differences. It exists for tests of the instrument.

Nobody measures with this agent: each of its flags makes it differ from the real one in
one known way, so that a test can prove that the instrument sees the difference, or that
it is not deceived by it. Without flags it is the real agent.

`python -m tachograph_agent.planted [--client httpx|ollama] [FLAGS]`
"""

import argparse
import asyncio
import dataclasses
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, BinaryIO, TypeVar

from tachograph_agent import cli
from tachograph_agent.client import Client
from tachograph_agent.events import Output
from tachograph_agent.ingest import Found
from tachograph_agent.task import Task
from tachograph_agent.worker import Worker

BREACHES = ("prompt-byte", "option", "missing-file", "extra-call", "other-model")
"""What can be done other than the workflow says."""

T = TypeVar("T")


def parser() -> argparse.ArgumentParser:
    """Returns the grammar: that of the real agent, and the flags."""
    grammar = cli.parser()
    grammar.prog = "tachograph_agent.planted"
    grammar.description = "The agent with planted differences, for tests of the instrument."
    number: dict[str, Any] = {"type": float, "default": 0.0, "metavar": "X"}
    flag: dict[str, Any] = {"action": "store_true"}
    add = grammar.add_argument
    add("--chunk-delay-ms", help="wait after each piece of an answer is read", **number)
    add("--memory-mb", help="allocate and touch this much memory", **number)
    add("--startup-ms", help="compute for this long before `ready`", **number)
    add("--breach", choices=BREACHES, help="do one thing other than the workflow says")
    add("--lie-ms", help="report first tokens and ends this much too early", **number)
    add("--garbage", help="print a line that is no event", **flag)
    add("--exit-early", help="end after `ready`, with exit code 0 and without `done`", **flag)
    add("--hang", help="do nothing more after `ready`", **flag)
    add("--flood-stderr", help="write this many megabytes to standard error", **number)
    add("--out-of-order", help="write the chunks of a call before its `call_sent`", **flag)
    return grammar


class PlantedOutput(Output):
    """Events, some of which are false."""

    def __init__(self, stream: BinaryIO, flags: argparse.Namespace) -> None:
        super().__init__(stream)
        self._lie_ns = round(flags.lie_ms * 1e6)
        self._is_out_of_order = flags.out_of_order
        self._held: dict[str, Any] | None = None
        self._sent_ns = 0

    def say(self, event: str, **fields: Any) -> None:
        """Writes an event, or holds it back."""
        if event == "call_sent":
            self._sent_ns = fields["sent_ns"] or 0
            if self._is_out_of_order:
                self._held = fields
                return
        if self._lie_ns:
            self._lie(event, fields)
        if event == "call_finished" and self._held is not None:
            super().say("call_sent", **self._held)
            self._held = None
        super().say(event, **fields)

    def _lie(self, event: str, fields: dict[str, Any]) -> None:
        if event == "chunk":
            fields["at_ns"] = max(self._sent_ns + 1, fields["at_ns"] - self._lie_ns)
        elif event == "call_finished":
            fields["end_ns"] = max(self._sent_ns + 1, fields["end_ns"] - self._lie_ns)
            header_ns = fields["header_ns"]
            if header_ns is not None:
                fields["header_ns"] = max(self._sent_ns + 1, header_ns - self._lie_ns)


class PlantedWorker(Worker):
    """The workflow, other than it should be."""

    flags: argparse.Namespace

    async def run(self) -> None:
        """Carries the task out, if the flags let it."""
        self._before_ready()
        if self.flags.exit_early or self.flags.hang:
            self.ready()
            if self.flags.hang:
                await asyncio.Event().wait()
            return
        await super().run()

    def _before_ready(self) -> None:
        until = time.monotonic() + self.flags.startup_ms / 1e3
        while time.monotonic() < until:
            pass

    def ready(self) -> None:
        """Says that the task was read, and whatever else is to be written."""
        super().ready()
        if self.flags.garbage:
            os.write(sys.stdout.fileno(), b"this line is no event\n")
        megabyte = b"planted noise\n" * 75_000
        for _ in range(round(self.flags.flood_stderr)):
            sys.stderr.buffer.write(megabyte)

    def scan(self) -> list[Found]:
        """Lists the input folder, or all of it but the last file."""
        found = super().scan()
        if self.flags.breach == "missing-file":
            last = max((i for i, it in enumerate(found) if it.kind), default=None)
            if last is not None:
                del found[last]
        return found

    async def call(self, stage: str, prompt: str) -> str | None:
        """Makes a call, or two."""
        if self.flags.breach == "prompt-byte":
            prompt = prompt.replace(".", "!", 1)
        answer = await super().call(stage, prompt)
        if self.flags.breach == "extra-call" and stage == "report" and answer is not None:
            return await super().call(stage, prompt)
        return answer


def planted_task(task: Task, breach: str | None) -> Task:
    """Returns the task with another option or another model, if that is the breach."""
    if breach == "option":
        options = dict(task.options)
        seed = options.get("seed")
        options["seed"] = seed + 1 if isinstance(seed, int) else 1
        return dataclasses.replace(task, options=options)
    if breach == "other-model":
        server = dataclasses.replace(task.server, model=f"{task.server.model}-other")
        return dataclasses.replace(task, server=server)
    return task


def slowed(delay_s: float) -> Callable[[AsyncIterator[T]], AsyncIterator[T]]:
    """Returns how a stream is slowed down: each piece waits after it was read."""

    async def pieces(source: AsyncIterator[T]) -> AsyncIterator[T]:
        async for piece in source:
            await asyncio.sleep(delay_s)
            yield piece

    return pieces


def planted_worker(
    flags: argparse.Namespace, task: Task, client: Client, streams: tuple[BinaryIO, BinaryIO]
) -> Worker:
    """Returns a worker with the planted differences, which writes to the first stream."""
    events, start = streams
    if flags.chunk_delay_ms:
        slow: Any = slowed(flags.chunk_delay_ms / 1e3)
        client.pieces = slow  # type: ignore[method-assign]
    task = planted_task(task, flags.breach)
    worker = PlantedWorker(task, client, PlantedOutput(events, flags), start)
    worker.flags = flags
    return worker


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries the command out."""
    flags = parser().parse_args(arguments)
    memory = bytearray(round(flags.memory_mb * 1e6))
    for at in range(0, len(memory), 4096):
        memory[at] = 1

    def make_worker(task: Task, client: Client, output: Output, start: BinaryIO) -> Worker:
        del output
        return planted_worker(flags, task, client, (sys.stdout.buffer, start))

    code = cli.execute(flags.client, (sys.stdin.buffer, sys.stdout.buffer), make_worker)
    assert len(memory) >= 0, "the memory is held to the end"
    return cli.ended(code)


if __name__ == "__main__":
    sys.exit(main())
