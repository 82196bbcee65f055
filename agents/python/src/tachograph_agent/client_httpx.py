"""Calls with `httpx`, in the way in which it is commonly used for streams."""

import httpx

from tachograph_agent.answer import EventLines
from tachograph_agent.client import Call, Client
from tachograph_agent.request import encode
from tachograph_agent.task import PATHS, Secret, Task

DOCUMENT_BYTES_MAX = 64 * 1024
"""The most that is kept of an answer that is no stream."""


class HttpxClient(Client):
    """Speaks the protocols of Ollama and of OpenAI."""

    library = f"httpx/{httpx.__version__}"

    def __init__(self, task: Task, secret: Secret | None) -> None:
        super().__init__(task, secret)
        settings = self.settings()
        accept = "application/x-ndjson" if task.server.is_ollama else "text/event-stream"
        settings["headers"] |= {"Accept": accept, "Content-Type": "application/json"}
        self._http = httpx.AsyncClient(base_url=task.server.url, **settings)

    async def close(self) -> None:
        """Closes all connections."""
        await self._http.aclose()

    async def stream(self, call: Call) -> None:
        """Sends the request and takes the answer in, line by line."""
        body = encode(call.spec.fields).encode()
        path = PATHS[self.task.server.api]
        async with self._http.stream("POST", path, content=body) as response:
            if not response.is_success:
                await self._document(call, response)
            elif self.task.server.is_ollama:
                await self._ndjson(call, response)
            else:
                await self._events(call, response)

    async def _document(self, call: Call, response: httpx.Response) -> None:
        """Takes an answer that is one document."""
        data = b""
        async for piece in response.aiter_bytes():
            data = (data + piece)[:DOCUMENT_BYTES_MAX]
        call.answer.document(response.status_code, data)

    async def _ndjson(self, call: Call, response: httpx.Response) -> None:
        async for line in self.pieces(response.aiter_lines()):
            if line and not line.isspace():
                call.arrived(len(line.encode()) + 1)
                call.answer.record(line)
                call.taken()
        self._check_for_records(call, response, "JSON lines")

    async def _events(self, call: Call, response: httpx.Response) -> None:
        events = EventLines(call.answer)
        document: list[str] = []
        n_bytes = 0
        async for line in self.pieces(response.aiter_lines()):
            # No event begins with a brace; errors do, whatever their media type says.
            if document or (not call.answer.n_reads and line.startswith("{")):
                document.append(line)
                continue
            n_bytes += len(line.encode()) + 1
            call.arrived(n_bytes)
            events.line(line)
            if not line:
                n_bytes = 0
                call.taken()
        events.line("")
        if document:
            call.answer.document(response.status_code, "\n".join(document).encode())
        else:
            self._check_for_records(call, response, "events")

    def _check_for_records(self, call: Call, response: httpx.Response, promised: str) -> None:
        if not call.answer.chunks and response.num_bytes_downloaded:
            media_type = response.headers.get("content-type", "").partition(";")[0].strip()
            call.answer.fail(
                "malformed",
                f"the answer ({media_type.lower()}) has no {promised}; "
                "is the server's `api` right?",
            )
