"""Calls with the official `ollama` client.

The client library writes the body of the request and reads the answer; this module hands
it the fields of the request and takes its objects. What it takes from the answer is what
the library lets through: it drops names that it does not know.
"""

import json
import os
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import ollama
import pydantic

from tachograph_agent.answer import Answer
from tachograph_agent.client import Call, Client
from tachograph_agent.request import OLLAMA_TOP_LEVEL
from tachograph_agent.task import Secret, Task, TaskError

COMMON = frozenset(("format", "keep_alive", "logprobs", "think", "top_logprobs"))
"""Names beside `options` for which both methods of the library have a parameter."""

GENERATE_ONLY = frozenset(("raw", "suffix", "system", "template"))
"""Those that only `generate` has."""


FINAL_NAMES = (
    "done_reason",
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
)
"""What only the final record has."""

Part = ollama.GenerateResponse | ollama.ChatResponse


class OllamaClient(Client):
    """Speaks the protocols of Ollama only."""

    library = f"ollama/{version('ollama')}"

    def __init__(self, task: Task, secret: Secret | None) -> None:
        super().__init__(task, secret)
        if not task.server.is_ollama:
            raise TaskError(
                f"the ollama client does not speak `{task.server.api}`; use the httpx client, "
                "or `ollama-generate` or `ollama-chat`"
            )
        self._is_chat = task.server.api == "ollama-chat"
        known = COMMON if self._is_chat else COMMON | GENERATE_ONLY
        for name in sorted(OLLAMA_TOP_LEVEL & task.options.keys() - known):
            raise TaskError(
                f"the ollama client cannot send `{name}`; leave it out, or use the httpx client"
            )
        # The library would send this key to any server. A task names the key of its own.
        os.environ.pop("OLLAMA_API_KEY", None)
        self._ollama = ollama.AsyncClient(host=task.server.url, **self.settings())

    async def close(self) -> None:
        """Closes all connections."""
        await self._ollama.close()  # type: ignore[no-untyped-call]

    async def stream(self, call: Call) -> None:
        """Sends the request and takes the answer in, object by object."""
        try:
            async for part in self.pieces(await self._parts(dict(call.spec.fields))):
                call.arrived()
                _take(call.answer, part)
                call.taken()
        except ollama.ResponseError as error:
            _take_error(call, error)
        except json.JSONDecodeError as error:
            call.arrived()
            call.answer.malformed(error.doc, str(error))
        except (pydantic.ValidationError, AttributeError, TypeError) as error:
            # A record of another shape: the library has shown it to nobody.
            call.arrived()
            call.answer.malformed("", f"the ollama client refused it: {error}")

    async def _parts(self, fields: dict[str, Any]) -> AsyncIterator[Part]:
        parts: AsyncIterator[Part]
        try:
            if self._is_chat:
                parts = await self._ollama.chat(**fields)
            else:
                parts = await self._ollama.generate(**fields)
        except pydantic.ValidationError as error:
            raise TaskError(f"the ollama client cannot send the options: {error}") from None
        return parts


def _take(answer: Answer, part: Part) -> None:
    record: dict[str, Any] = {"done": part.done}
    if isinstance(part, ollama.ChatResponse):
        message = part.message
        calls = [call.model_dump() for call in message.tool_calls or ()]
        record["message"] = {
            "content": message.content,
            "thinking": message.thinking,
            "tool_calls": calls,
        }
    else:
        record["response"] = part.response
        record["thinking"] = part.thinking
    if part.done:
        record |= {name: getattr(part, name) for name in FINAL_NAMES}
    try:
        answer.ollama(record)
    except ValueError as error:
        answer.malformed(json.dumps(record), str(error))


def _take_error(call: Call, error: ollama.ResponseError) -> None:
    response = call.response
    if response is not None and not response.is_success:
        call.answer.document(response.status_code, error.error.encode())
    else:
        call.arrived()
        call.answer.server_error(error.error)
