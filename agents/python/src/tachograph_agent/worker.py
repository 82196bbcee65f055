"""The workflow: which steps in which order, and what is written when.

Nothing is written between the send of a request and the end of its answer.
"""

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

from tachograph_agent import __version__, document, prompts
from tachograph_agent.calls import CallRecord, events, now_ns
from tachograph_agent.client import CallSpec, Client, digests
from tachograph_agent.events import Output
from tachograph_agent.extract import Extraction, extract
from tachograph_agent.ingest import Found, Ingested, Skipped, parse, read, scan, system_text
from tachograph_agent.nonce import nonce
from tachograph_agent.request import fields
from tachograph_agent.summary import head_bytes, summary
from tachograph_agent.task import PROTOCOL, Task, TaskError


@dataclass
class Input:
    """What was read from the input folder."""

    files: list[Ingested] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def summary(self, bytes_max: int) -> str:
        """Returns the data summary."""
        return summary(self.files, len(self.skipped), bytes_max)


class Worker:
    """One agent's part in one run."""

    def __init__(self, task: Task, client: Client, output: Output, start: BinaryIO) -> None:
        self.task = task
        self.client = client
        self.output = output
        self._start = start
        self.calls: list[CallRecord] = []
        self.notices: list[str] = []

    async def run(self) -> None:
        """Carries the task out."""
        self.ready()
        self.output.clock()
        await self._warm_up()
        if self.task.barrier:
            await self._wait()
        outcome = await self._workflow()
        self.output.clock()
        self.output.say("done", outcome=outcome, at_ns=now_ns())

    def ready(self) -> None:
        """Says that the task was read."""
        self.output.say(
            "ready",
            protocol=PROTOCOL,
            implementation=f"tachograph-python/{__version__} ({self.client.library})",
            pid=os.getpid(),
            at_ns=now_ns(),
        )

    async def _warm_up(self) -> None:
        if self.task.warmup_calls:
            self._mark("stage_started", "warmup")
            for _ in range(self.task.warmup_calls):
                await self.call("warmup", prompts.WARMUP)
            self._mark("stage_finished", "warmup")

    async def _wait(self) -> None:
        """Waits at the barrier, and then for the instant that the line there names."""
        self.output.say("waiting", at_ns=now_ns())
        line = await asyncio.to_thread(self._start.readline)
        start_at_ns = parse_start(line)
        await asyncio.sleep(max(0, start_at_ns - now_ns()) / 1e9)

    async def _workflow(self) -> str:
        self._mark("stage_started", "ingest")
        given = await self.ingest()
        data = given.summary(self.task.summary_bytes)
        self._mark("stage_finished", "ingest")
        extraction = Extraction()
        report_text = ""
        outcome = document.NO_INPUT
        if given.files:
            outcome = document.CALL_FAILED
            answer = await self._stage("analysis", prompts.analysis(self.task.prompts, data))
            if answer is not None:
                extraction = extract(answer)
                head = given.summary(head_bytes(self.task.summary_bytes))
                prompt = prompts.report(self.task.prompts, extraction, head)
                report = await self._stage("report", prompt)
                if report is not None:
                    report_text = report
                    outcome = document.COMPLETED
        contents = document.Contents(
            agent=self.task.agent,
            run=self.task.run,
            model=self.task.server.model,
            outcome=outcome,
            files=given.files,
            skipped=given.skipped,
            extraction=extraction,
            report_text=report_text,
            calls=self.calls,
        )
        content = document.document(contents)
        self.output.say("artifact", name=document.NAME, content=content, at_ns=now_ns())
        return outcome

    def scan(self) -> list[Found]:
        """Lists the input folder."""
        return scan(self.task.input)

    async def ingest(self) -> Input:
        """Reads and parses the input folder, file by file."""
        given = Input()
        for found in await asyncio.to_thread(self.scan):
            one = await self._ingest_one(found)
            if isinstance(one, Ingested):
                given.files.append(one)
                self.output.say(
                    "file_ingested",
                    path=one.path,
                    kind=one.kind,
                    bytes=one.n_bytes,
                    sha256=one.sha256,
                    at_ns=now_ns(),
                )
            else:
                given.skipped.append(one)
                self.output.say("file_skipped", path=one.path, reason=one.reason, at_ns=now_ns())
        return given

    async def _ingest_one(self, found: Found) -> Ingested | Skipped:
        if found.reason:
            return Skipped(found.path, found.reason)
        try:
            data = await asyncio.to_thread(read, self.task.input, found.path)
        except OSError as error:
            return Skipped(found.path, f"could not be read: {system_text(error)}")
        return parse(found, data)

    async def _stage(self, stage: str, prompt: str) -> str | None:
        """Makes the one call of a stage; `None` if it did not complete."""
        self._mark("stage_started", stage)
        answer = await self.call(stage, prompt)
        self._mark("stage_finished", stage)
        return answer

    async def call(self, stage: str, prompt: str) -> str | None:
        """Makes a call, writes its events and returns its text; `None` if it failed."""
        task = self.task
        number = len(self.calls)
        head = None if task.nonce is None else nonce(task.nonce, number)
        body, notices = fields(
            task.server.api,
            task.server.model,
            (head or "") + prompt,
            task.options,
            task.prompt_cache,
        )
        if number == 0:
            self.notices = notices
        record = await self.client.call(CallSpec(number, stage, body, head))
        self.calls.append(record)
        for event, values in events(
            record, task.server.name, task.server.api, digests(record.sent)
        ):
            self.output.say(event, **values)
        return record.text if record.is_completed else None

    def _mark(self, event: str, stage: str) -> None:
        self.output.say(event, stage=stage, at_ns=now_ns())


def parse_start(line: bytes) -> int:
    """Parses the line that ends the wait at the barrier; raises `TaskError` if it is none."""
    if not line:
        raise TaskError(
            "standard input ended before the start line: whoever started this agent went "
            "away while it waited at the barrier, see docs/agents.md"
        )
    try:
        start_at_ns = json.loads(line)["start_at_ns"]
        if isinstance(start_at_ns, int):
            return start_at_ns
    except (ValueError, KeyError, TypeError):
        pass
    raise TaskError("expected a start line as JSON on standard input, see docs/agents.md")


MakeWorker = Callable[[Task, Client, Output, BinaryIO], Worker]
