"""What the records of an answer add up to, for each protocol.

The meaning of a record is that of `crates/tachograph-run/src/client/ollama.rs` and
`openai.rs`.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from tachograph_agent.calls import (
    CONTENT,
    EMPTY,
    ERROR,
    FINAL,
    MALFORMED,
    REASONING,
    TOOL_CALL,
    Chunk,
)

EXCERPT_BYTES = 1000
"""The most that is kept of something that went wrong."""

Piece = tuple[str, str]
"""A kind of chunk and its text."""


class Answer:
    """An answer, as far as it has come."""

    def __init__(self, api: str) -> None:
        self.is_ollama = api.startswith("ollama-")
        self.chunks: list[Chunk] = []
        self.is_final = False
        self.finish_reason: str | None = None
        self.usage: dict[str, int] = {}
        self.timings: dict[str, int] = {}
        self.problem: tuple[str, str] | None = None
        """The status and the words of the first thing that was wrong."""
        self.n_reads = 0
        self._at_ns = 0
        self._n_bytes = 0

    def arrive(self, at_ns: int, n_bytes: int, is_new_read: bool) -> None:
        """Says when and how large the record is that follows.

        A record that came with the same read as the one before has its instant, since the
        time between the two is not known.
        """
        if is_new_read or not self.n_reads:
            self.n_reads += 1
            self._at_ns = at_ns
        self._n_bytes = n_bytes

    def output_sha256(self) -> str:
        """Returns the digest of the answer's text, reasoning excluded."""
        text = "".join(chunk.text for chunk in self.chunks if chunk.kind == CONTENT)
        return hashlib.sha256(text.encode()).hexdigest()

    def chunk(self, kind: str, text: str = "") -> None:
        """Adds a chunk; the record's size counts on its first."""
        read = self.n_reads - 1
        chunk = Chunk(len(self.chunks), self._at_ns, read, self._n_bytes, kind, text)
        self.chunks.append(chunk)
        self._n_bytes = 0

    def server_error(self, message: str) -> None:
        """Adds an error of the server."""
        message = excerpt(message)
        self.chunk(ERROR, message)
        self.fail("http_error", message)

    def malformed(self, data: str, reason: str) -> None:
        """Adds a record that is not what the protocol promises."""
        message = f"chunk {len(self.chunks)} is malformed: {reason}"
        self.chunk(MALFORMED, excerpt(data))
        self.fail("malformed", message)

    def fail(self, status: str, message: str) -> None:
        """Notes what is wrong, unless something was before."""
        if self.problem is None:
            self.problem = (status, message)

    def record(self, data: str) -> None:
        """Takes one record: a line of Ollama's, or the data of an event of OpenAI's."""
        if not self.is_ollama and data.strip() == "[DONE]":
            self.is_final = True
            self.chunk(FINAL)
            return
        try:
            record = json.loads(data)
            if not isinstance(record, dict):
                raise ValueError("it is not an object")
            if record.get("error") is not None:
                self.server_error(error_message(data))
            elif self.is_ollama:
                self.ollama(record)
            else:
                self._openai(record)
        except ValueError as error:
            self.malformed(data, str(error))

    def ollama(self, record: Mapping[str, Any]) -> None:
        """Takes one record of Ollama's; raises `ValueError` if it is none."""
        done = record.get("done")
        message = record.get("message")
        if done is None and record.get("response") is None and message is None:
            raise ValueError("it has neither `response`, `message`, `done` nor `error`")
        if not (done is None or isinstance(done, bool)):
            raise ValueError("`done` is not a switch")
        inner: Mapping[str, Any] = message or {}
        pieces = [
            (REASONING, _text(record.get("thinking"))),
            (REASONING, _text(inner.get("thinking"))),
            (CONTENT, _text(record.get("response"))),
            (CONTENT, _text(inner.get("content"))),
            (TOOL_CALL, _present(inner.get("tool_calls"))),
        ]
        if done:
            self._finish_ollama(record)
        self._add(pieces, FINAL if done else EMPTY)

    def _finish_ollama(self, record: Mapping[str, Any]) -> None:
        reason = _text(record.get("done_reason")) or None
        # Loading and unloading evaluate nothing; there, absent is not zero.
        missing = None if reason in ("load", "unload") else 0
        self.is_final = True
        self.finish_reason = reason
        counts = {
            "prompt_tokens": _count(record.get("prompt_eval_count"), missing),
            "cached_prompt_tokens": _count(record.get("prompt_eval_cached_count")),
            "output_tokens": _count(record.get("eval_count"), missing),
        }
        self.usage = _known(counts)
        names = ("total", "load", "prompt_eval", "eval")
        self.timings = _known(
            {f"{name}_ns": _count(record.get(f"{name}_duration"), missing) for name in names}
        )

    def _openai(self, record: dict[str, Any]) -> None:
        pieces: list[Piece] = []
        finishes = False
        for choice in record.get("choices") or []:
            delta = choice.get("delta") or {}
            reasoning = _text(delta.get("reasoning_content")) or _text(delta.get("reasoning"))
            pieces += [
                (REASONING, reasoning),
                (CONTENT, _text(delta.get("content"))),
                (CONTENT, _text(delta.get("refusal"))),
                (CONTENT, _text(choice.get("text"))),
                (TOOL_CALL, _present(delta.get("tool_calls"))),
                (TOOL_CALL, _present(delta.get("function_call"))),
            ]
            reason = _text(choice.get("finish_reason"))
            if reason:
                self.finish_reason = reason
                finishes = True
        usage, timings = record.get("usage"), record.get("timings")
        brings_usage = usage is not None or timings is not None
        self._add(pieces, FINAL if finishes or brings_usage else EMPTY)
        if timings is not None:
            self._take_timings(timings)
        if usage is not None:
            details = usage.get("prompt_tokens_details") or {}
            counts = {
                "prompt_tokens": _count(usage.get("prompt_tokens")),
                "cached_prompt_tokens": _count(details.get("cached_tokens")),
                "output_tokens": _count(usage.get("completion_tokens")),
            }
            self.usage.update(_known(counts))

    def _take_timings(self, timings: Mapping[str, Any]) -> None:
        """Takes llama.cpp's figures: `prompt_n` leaves cached tokens out, a usage does not."""
        durations = {
            "prompt_eval_ns": _nanoseconds(timings.get("prompt_ms")),
            "eval_ns": _nanoseconds(timings.get("predicted_ms")),
        }
        self.timings.update(_known(durations))
        cached = _count(timings.get("cache_n"))
        evaluated = _count(timings.get("prompt_n"))
        counts = {
            "prompt_tokens": None if evaluated is None else evaluated + (cached or 0),
            "output_tokens": _count(timings.get("predicted_n")),
            "cached_prompt_tokens": cached,
        }
        self.usage.update(_known(counts))

    def _add(self, pieces: Iterable[Piece], kind_without: str) -> None:
        """Adds the pieces that have text, or one chunk of another kind if none has."""
        n_before = len(self.chunks)
        for kind, text in pieces:
            if text:
                self.chunk(kind, text)
        if len(self.chunks) == n_before:
            self.chunk(kind_without)

    def document(self, http_status: int, data: bytes) -> None:
        """Takes an answer that is one document in place of a stream."""
        message = error_message(data.decode(errors="replace"))
        if 300 <= http_status < 400:
            message = "redirects are not followed; give the server's final URL"
            self.fail("http_error", f"HTTP {http_status}: {message}")
        elif not 200 <= http_status < 300:
            self.fail("http_error", f"HTTP {http_status}: {message or 'no message'}")
        elif _has_error(data):
            self.fail("http_error", message)
        else:
            self.fail(
                "malformed",
                "the server answered with one document, not with a stream of events",
            )

    def outcome(self, interruption: tuple[str, str] | None) -> tuple[str, str | None]:
        """Returns how the call ended, and what is to be said of it.

        `interruption` is what ended it from outside. What was already wrong inside the
        stream goes first.
        """
        if self.problem:
            return self.problem
        if self.is_final:
            return "completed", None
        if interruption:
            return interruption
        if self.finish_reason is not None:
            return "completed", "the stream ended without `[DONE]` after its finish reason"
        promised = '"done": true' if self.is_ollama else "[DONE]"
        return "truncated", (
            f"the stream ended after {len(self.chunks)} chunks, "
            f"without its final record ({promised})"
        )


class EventLines:
    """Puts server-sent events together from their lines."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._data: list[str] = []
        self._seen = False
        self._is_error = False

    def line(self, line: str) -> None:
        """Takes a line; an empty one ends an event."""
        if not line:
            self._dispatch()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name in ("data", "error"):
            self._data.append(value)
            self._is_error |= name == "error"
            self._seen = True
        elif name in ("", "event", "id", "retry"):
            self._is_error |= name == "event" and value == "error"
            self._seen = True

    def _dispatch(self) -> None:
        data = "\n".join(self._data)
        if self._data and self._is_error:
            self._answer.server_error(error_message(data))
        elif self._data:
            self._answer.record(data)
        elif self._seen:
            self._answer.chunk(EMPTY)
        self._data = []
        self._seen = self._is_error = False


def excerpt(text: str) -> str:
    """Returns the beginning of a text."""
    return text.encode(errors="replace")[:EXCERPT_BYTES].decode(errors="replace")


def error_message(body: str) -> str:
    """Returns what a server's error says: its `error`, `message` or `detail`, or all of it."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    found = None
    if isinstance(value, dict):
        places = [value.get(name) for name in ("error", "message", "detail")] + [value]
        found = next((text for text in map(_message_in, places) if text is not None), None)
    elif isinstance(value, str):
        found = value
    return excerpt(body).strip() if found is None else excerpt(found)


def _message_in(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("message")
    return value if isinstance(value, str) else None


def _has_error(data: bytes) -> bool:
    try:
        value = json.loads(data)
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("error") is not None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError(f"expected a text, found {excerpt(repr(value))}")
    if not value.isascii():
        # Half of a pair, which an escape can bring in, is a `ValueError`.
        value.encode()
    return value


def _present(value: Any) -> str:
    """Returns a value as JSON, or nothing if there is nothing in it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")) if value else ""


def _count(value: Any, missing: int | None = None) -> int | None:
    if value is None:
        return missing
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a count, found {excerpt(repr(value))}")
    return value


def _nanoseconds(millis: Any) -> int | None:
    if millis is None:
        return None
    if isinstance(millis, bool) or not isinstance(millis, (int, float)):
        raise ValueError(f"expected milliseconds, found {excerpt(repr(millis))}")
    if not (math.isfinite(millis) and millis >= 0):
        return None
    return math.floor(millis * 1e6 + 0.5)


def _known(values: Mapping[str, int | None]) -> dict[str, int]:
    """Leaves out what is not known."""
    return {name: value for name, value in values.items() if value is not None}
