"""One call after the other, whatever the client library: hooks, time-outs and statuses.

Both client libraries send their requests with `httpx`. Its event hooks give the request
that is really sent and the answer that came; the trace of its transport gives the
instants at which the connection was made and the request written.
"""

import abc
import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from tachograph_agent.answer import Answer
from tachograph_agent.calls import CallRecord, Finished, Sent, now_ns
from tachograph_agent.request import parity_sha256
from tachograph_agent.task import Secret, Task, Timeouts

END_GRACE_NS = 1_000_000_000
"""How long a finished answer may keep its connection open before it is closed."""

T = TypeVar("T")


@dataclass(frozen=True)
class CallSpec:
    """What to ask."""

    call: int
    stage: str
    fields: Mapping[str, Any]
    """The fields of the request, with the nonce in the prompt."""
    nonce: str | None


class Call:
    """A call in progress."""

    def __init__(self, spec: CallSpec, api: str, timeouts: Timeouts) -> None:
        self.spec = spec
        self.answer = Answer(api)
        self.timeouts = timeouts
        self.started_ns = now_ns()
        self.sent = Sent(spec.call, spec.stage, self.started_ns, spec.nonce)
        self.response: httpx.Response | None = None
        self.header_ns: int | None = None
        self.last_ns: int | None = None
        """When the latest piece of the body came."""
        self.watchdog: Watchdog | None = None
        self._n_downloaded = 0

    async def on_trace(self, name: str, _info: Mapping[str, Any]) -> None:
        """Takes the instants that only the transport knows."""
        if name == "connection.connect_tcp.started":
            self.sent.connect_ns = now_ns()
            self.sent.is_fresh = True
        elif name in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self.sent.connected_ns = now_ns()
        elif name.endswith(".send_request_headers.started"):
            self.sent.sent_ns = now_ns()
            self._phase_changed()
        elif name.endswith(".receive_response_headers.complete"):
            self.header_ns = now_ns()

    def arrived(self, n_bytes: int | None = None) -> None:
        """Stamps a record that has just been read; `n_bytes` is its size, if that is known.

        Records that came with one piece of the body share their stamp. Where the size is
        not known, all that came since the last record counts.
        """
        at_ns = now_ns()
        assert self.response is not None, "records belong to an answer"
        n_downloaded = self.response.num_bytes_downloaded
        n_new = n_downloaded - self._n_downloaded
        self._n_downloaded = n_downloaded
        self.answer.arrive(at_ns, n_new if n_bytes is None else n_bytes, n_new > 0)
        is_first = self.last_ns is None
        self.last_ns = at_ns
        if is_first:
            self._phase_changed()

    def taken(self) -> None:
        """Says that a record was taken in."""
        if self.answer.is_final:
            self._phase_changed()

    def _phase_changed(self) -> None:
        if self.watchdog:
            self.watchdog.arm()

    def deadline(self) -> tuple[int, tuple[str, str]]:
        """Returns until when the call may stay as it is, and what it has ended as by then."""
        timeouts = self.timeouts
        call = (
            self.started_ns + _ns(timeouts.call_s),
            ("timeout", f"the call did not end within {timeouts.call_s} s (`call_s`)"),
        )
        if self.last_ns is not None and self.answer.is_final:
            text = "the body did not end after its final record"
            step = (self.last_ns + END_GRACE_NS, ("stalled", text))
        elif self.last_ns is not None:
            text = (
                f"nothing came for {timeouts.between_chunks_s} s inside the stream "
                "(`between_chunks_s`)"
            )
            step = (self.last_ns + _ns(timeouts.between_chunks_s), ("stalled", text))
        elif self.sent.sent_ns is not None:
            text = (
                f"no byte of the answer's body within {timeouts.first_token_s} s (`first_token_s`)"
            )
            step = (self.sent.sent_ns + _ns(timeouts.first_token_s), ("timeout", text))
        else:
            # The transport has a time-out of its own for connecting.
            return call
        return min(call, step)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


class Watchdog:
    """Cancels the task of a call when its time is over."""

    def __init__(self, call: Call, task: "asyncio.Task[None]") -> None:
        self._call = call
        self._task = task
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self.overdue: tuple[str, str] | None = None
        """How the call ended, if its time was over."""
        call.watchdog = self
        self.arm()

    def arm(self) -> None:
        """Sets the timer to the call's deadline as it is now."""
        self.stop()
        deadline_ns, _ = self._call.deadline()
        self._handle = self._loop.call_at(deadline_ns / 1e9, self._look)

    def stop(self) -> None:
        """Ends the watch."""
        if self._handle:
            self._handle.cancel()

    def _look(self) -> None:
        deadline_ns, overdue = self._call.deadline()
        # Pieces that came since the timer was set have moved the deadline.
        if deadline_ns > now_ns():
            self.arm()
        else:
            self.overdue = overdue
            self._task.cancel()


class Client(abc.ABC):
    """Makes calls, one after the other."""

    library: str
    """Name and version of the client library."""

    def __init__(self, task: Task, secret: Secret | None) -> None:
        self.task = task
        self.secret = secret
        self._current: Call | None = None

    def settings(self) -> dict[str, Any]:
        """Returns how both libraries set `httpx` up."""
        headers = {"Accept-Encoding": "identity"}
        if not self.task.keepalive:
            headers["Connection"] = "close"
        if self.secret:
            headers["Authorization"] = f"Bearer {self.secret.key}"
        n_kept = 1 if self.task.keepalive else 0
        return {
            "headers": headers,
            # All other time-outs are the watchdog's.
            "timeout": httpx.Timeout(None, connect=self.task.timeouts.connect_s),
            "limits": httpx.Limits(max_keepalive_connections=n_kept, keepalive_expiry=None),
            "event_hooks": {"request": [self._on_request], "response": [self._on_response]},
            # The server of the task is called itself, never a proxy.
            "trust_env": False,
            "follow_redirects": False,
        }

    async def _on_request(self, request: httpx.Request) -> None:
        call = self._in_progress()
        call.sent.request = await request.aread()
        request.extensions["trace"] = call.on_trace

    async def _on_response(self, response: httpx.Response) -> None:
        self._in_progress().response = response

    def _in_progress(self) -> Call:
        assert self._current is not None, "requests are sent by calls only"
        return self._current

    def pieces(self, source: AsyncIterator[T]) -> AsyncIterator[T]:
        """Returns what a stream brings, in order; the planted agent slows it down here."""
        return source

    @abc.abstractmethod
    async def stream(self, call: Call) -> None:
        """Sends the request and takes the answer in."""

    @abc.abstractmethod
    async def close(self) -> None:
        """Closes all connections."""

    async def call(self, spec: CallSpec) -> CallRecord:
        """Makes a call, whose failure is a result."""
        call = self._current = Call(spec, self.task.server.api, self.task.timeouts)
        task = asyncio.create_task(self.stream(call))
        watchdog = Watchdog(call, task)
        interruption: tuple[str, str] | None = None
        try:
            await task
        except asyncio.CancelledError:
            if watchdog.overdue is None:
                raise
            interruption = watchdog.overdue
        except httpx.HTTPError as error:
            interruption = self._interruption(call, error)
        finally:
            watchdog.stop()
        return self._record(call, interruption, now_ns())

    def _interruption(self, call: Call, error: httpx.HTTPError) -> tuple[str, str]:
        words = str(error) or type(error).__name__
        url = self.task.server.url
        if isinstance(error, httpx.ConnectTimeout):
            within = f"within {self.task.timeouts.connect_s} s (`connect_s`)"
            return "connect_error", f"no connection to {url} {within}"
        if isinstance(error, httpx.ConnectError):
            return "connect_error", f"no connection to {url}: {words}; is the server running?"
        if call.sent.sent_ns is None:
            return "connect_error", f"the request could not be written: {words}"
        if isinstance(error, httpx.DecodingError):
            return "malformed", f"the answer's encoding is broken: {words}"
        # One class stands for a connection that ends early and for what is no HTTP at all.
        ended = ("peer closed connection", "Server disconnected")
        if isinstance(error, httpx.RemoteProtocolError) and not words.startswith(ended):
            return "malformed", f"the answer is not HTTP/1.1 ({words}); is this an HTTP server?"
        return "truncated", f"the connection broke: {words}"

    def _record(self, call: Call, interruption: tuple[str, str] | None, end_ns: int) -> CallRecord:
        answer = call.answer
        if call.response is not None and not call.response.is_success:
            # An error whose body did not come in full is still that error.
            text = f"HTTP {call.response.status_code}: its body was cut off"
            answer.fail("http_error", text)
        status, error = answer.outcome(interruption)
        if interruption and status == "completed" and call.last_ns is not None:
            # The answer was complete before it was left.
            end_ns = call.last_ns
        finish_reason = answer.finish_reason
        if self.secret:
            strike_out = self.secret.strike_out
            error = strike_out(error) if error else error
            finish_reason = strike_out(finish_reason) if finish_reason else finish_reason
            for chunk in answer.chunks:
                chunk.text = strike_out(chunk.text)
        finished = Finished(
            status=status,
            end_ns=end_ns,
            output_sha256=answer.output_sha256(),
            n_reads=answer.n_reads,
            error=error,
            http_status=call.response.status_code if call.response else None,
            header_ns=call.header_ns,
            finish_reason=finish_reason,
            usage=answer.usage,
            server=answer.timings,
        )
        return CallRecord(call.sent, answer.chunks, finished)


def digests(sent: Sent) -> tuple[str, str]:
    """Returns the digests of a request, as it is and without its nonce."""
    body = sent.request
    return hashlib.sha256(body).hexdigest(), parity_sha256(body, sent.nonce)
