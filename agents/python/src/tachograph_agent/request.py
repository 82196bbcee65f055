"""The bodies of requests.

Keys are sorted, nothing is spaced, text is UTF-8 and not escaped beyond what JSON
demands, so that every implementation sends the same bytes. What a protocol cannot carry
is said in a notice, never dropped in silence.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from tachograph_agent.task import OptionValue

OLLAMA_TOP_LEVEL = frozenset(
    [
        "format",
        "keep_alive",
        "logprobs",
        "raw",
        "shift",
        "suffix",
        "system",
        "template",
        "think",
        "top_logprobs",
        "truncate",
    ]
)
"""Names that Ollama takes beside `options`, not inside it."""

OPENAI_KNOWN = frozenset(
    [
        "frequency_penalty",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "presence_penalty",
        "reasoning_effort",
        "seed",
        "service_tier",
        "stop",
        "store",
        "suffix",
        "temperature",
        "top_logprobs",
        "top_p",
        "user",
    ]
)
"""Options that OpenAI's protocol defines."""

SERVER_SETTINGS = frozenset(
    ["main_gpu", "num_batch", "num_ctx", "num_gpu", "num_keep", "num_thread", "use_mmap"]
)
"""Options of Ollama that are fixed when a server behind `/v1` starts."""

RESERVED = frozenset(("messages", "model", "prompt", "stream", "stream_options"))
"""Names that the client itself fills in."""


def fields(
    api: str, model: str, prompt: str, options: Mapping[str, OptionValue], prompt_cache: str
) -> tuple[dict[str, Any], list[str]]:
    """Returns the fields of a request, and what could not be sent as asked."""
    body: dict[str, Any] = {"model": model, "stream": True}
    if api.endswith("-chat"):
        body["messages"] = [{"content": prompt, "role": "user"}]
    else:
        body["prompt"] = prompt
    if api.startswith("ollama-"):
        inner = {name: it for name, it in options.items() if name not in OLLAMA_TOP_LEVEL}
        body.update((name, it) for name, it in options.items() if name in OLLAMA_TOP_LEVEL)
        if inner:
            body["options"] = inner
        return body, []
    notices = _openai_options(options, body)
    if prompt_cache == "off":
        body["cache_prompt"] = False
    body["stream_options"] = {"include_usage": True}
    return body, notices


def _openai_options(options: Mapping[str, OptionValue], body: dict[str, Any]) -> list[str]:
    notices = []
    for name, value in sorted(options.items()):
        if name in RESERVED:
            notices.append(
                f"`{name}` was not sent, since it is not an option; the plan sets it elsewhere"
            )
        elif name in SERVER_SETTINGS:
            notices.append(
                f"`{name}` cannot be set over /v1 and was not sent; set it when the server "
                "starts, or use an Ollama `api`"
            )
        elif name == "num_predict":
            other = next(
                (it for it in ("max_tokens", "max_completion_tokens") if it in options), ""
            )
            if other:
                notices.append(
                    f"`{name}` was not sent, since `{other}` means the same and is there too"
                )
            elif isinstance(value, int) and not isinstance(value, bool) and value < 0:
                notices.append(
                    f"`{name}` below zero means no limit; over /v1 it was left out, which "
                    "means the same"
                )
            else:
                body["max_tokens"] = value
        else:
            if name not in OPENAI_KNOWN:
                notices.append(
                    f"`{name}` is not part of the OpenAI protocol and was passed on; the "
                    "server may ignore it"
                )
            body[name] = value
    return notices


def encode(value: Any) -> str:
    """Writes JSON as the native client does."""
    if isinstance(value, dict):
        inner = (f"{encode(name)}:{encode(it)}" for name, it in sorted(value.items()))
        return "{" + ",".join(inner) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encode, value)) + "]"
    if isinstance(value, float):
        return _float(value)
    return json.dumps(value, ensure_ascii=False)


def _float(value: float) -> str:
    """Writes a number as the native client does: `0.00001` and `1e-6`, not `1e-05`, `1e-06`."""
    text = repr(value)
    mantissa, mark, exponent = text.partition("e-")
    if not mark:
        return text
    if int(exponent) > 5:
        return f"{mantissa}e-{int(exponent)}"
    sign = "-" if value < 0 else ""
    return sign + "0.0000" + mantissa.removeprefix("-").replace(".", "")


def parity_sha256(body: bytes, nonce: str | None) -> str:
    """Returns the digest of a body without the first occurrence of its nonce."""
    if nonce is not None:
        body = body.replace(json.dumps(nonce)[1:-1].encode(), b"", 1)
    return hashlib.sha256(body).hexdigest()
