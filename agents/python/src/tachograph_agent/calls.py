"""A call: what was sent, what arrived, how it ended, and what its report says of it.

The events of a call are made of these records, and so is the table of the agent's own
report. All instants are nanoseconds of the monotonic clock.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CONTENT = "content"
REASONING = "reasoning"
TOOL_CALL = "tool_call"
EMPTY = "empty"
FINAL = "final"
ERROR = "error"
MALFORMED = "malformed"

OUTPUT_KINDS = (CONTENT, REASONING, TOOL_CALL)
"""The kinds of chunks that bring output."""

now_ns = time.monotonic_ns


@dataclass
class Chunk:
    """One piece of an answer."""

    index: int
    at_ns: int
    read: int
    n_bytes: int
    kind: str
    text: str


@dataclass
class Sent:
    """A request, as far as it came."""

    call: int
    stage: str
    planned_ns: int
    nonce: str | None
    request: bytes = b""
    """The body that was really sent."""
    is_fresh: bool = False
    """Whether the call opened a connection."""
    connect_ns: int | None = None
    connected_ns: int | None = None
    sent_ns: int | None = None


@dataclass
class Finished:
    """How a call ended."""

    status: str
    end_ns: int
    output_sha256: str
    n_reads: int
    error: str | None = None
    http_status: int | None = None
    header_ns: int | None = None
    finish_reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    server: dict[str, int] = field(default_factory=dict)


@dataclass
class CallRecord:
    """A call that is over."""

    sent: Sent
    chunks: list[Chunk]
    finished: Finished

    @property
    def is_completed(self) -> bool:
        """Returns whether the final record arrived."""
        return self.finished.status == "completed"

    @property
    def text(self) -> str:
        """Returns the answer, reasoning left out."""
        return "".join(chunk.text for chunk in self.chunks if chunk.kind == CONTENT)

    def _output(self) -> list[Chunk]:
        return [chunk for chunk in self.chunks if chunk.kind in OUTPUT_KINDS]

    def ttft_ns(self) -> int | None:
        """Returns the time from the send to the first output."""
        output = self._output()
        return _since(self.sent.sent_ns, output[0].at_ns) if output else None

    def e2e_ns(self) -> int | None:
        """Returns the time from the send to the end."""
        return _since(self.sent.sent_ns, self.finished.end_ns)

    def output_tokens(self) -> tuple[int, bool]:
        """Returns the number of output tokens, and whether the server says so."""
        reported = self.finished.usage.get("output_tokens")
        return (len(self._output()), False) if reported is None else (reported, True)

    def decode_rate(self) -> float | None:
        """Returns the tokens per second after the first one, as the client saw them."""
        output = self._output()
        n_tokens, _ = self.output_tokens()
        decode_ns = _since(output[0].at_ns, output[-1].at_ns) if output else None
        if not decode_ns or n_tokens < 2:
            return None
        return 1e9 / (decode_ns / (n_tokens - 1))


def _since(start: int | None, end: int) -> int | None:
    return None if start is None or end < start else end - start


def events(
    record: CallRecord, server: str, api: str, digests: tuple[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns the events of a call by name; `digests` are those of its request."""
    sent, finished = record.sent, record.finished
    yield (
        "call_sent",
        {
            "call": sent.call,
            "stage": sent.stage,
            "server": server,
            "api": api,
            "request": sent.request.decode(),
            "request_sha256": digests[0],
            "parity_sha256": digests[1],
            "nonce": sent.nonce,
            "connection": "fresh" if sent.is_fresh else "keepalive",
            "planned_ns": sent.planned_ns,
            "connect_ns": sent.connect_ns,
            "connected_ns": sent.connected_ns,
            "sent_ns": sent.sent_ns,
        },
    )
    for chunk in record.chunks:
        yield (
            "chunk",
            {
                "call": sent.call,
                "index": chunk.index,
                "at_ns": chunk.at_ns,
                "read": chunk.read,
                "bytes": chunk.n_bytes,
                "kind": chunk.kind,
                "text": chunk.text or None,
            },
        )
    yield (
        "call_finished",
        {
            "call": sent.call,
            "status": finished.status,
            "error": finished.error,
            "http_status": finished.http_status,
            "header_ns": finished.header_ns,
            "end_ns": finished.end_ns,
            "finish_reason": finished.finish_reason,
            "usage": finished.usage,
            "server": finished.server,
            "output_sha256": finished.output_sha256,
            "n_chunks": len(record.chunks),
            "n_reads": finished.n_reads,
        },
    )
