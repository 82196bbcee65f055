"""The task: one line of JSON on standard input, and what makes it one that can be done."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tachograph_agent.prompts import ANALYST, Prompts

PROTOCOL = 1
"""The version of the worker protocol."""

PATHS = {
    "ollama-generate": "/api/generate",
    "ollama-chat": "/api/chat",
    "openai-chat": "/v1/chat/completions",
    "openai-completions": "/v1/completions",
}
"""The route of each protocol."""

OptionValue = bool | int | float | str | list[str]


class TaskError(ValueError):
    """Why a task cannot be carried out; a call that fails is not among these."""


@dataclass(frozen=True)
class Server:
    """The server to call."""

    name: str
    url: str
    api: str
    model: str
    api_key_env: str | None

    @property
    def is_ollama(self) -> bool:
        """Returns whether the protocol is one of Ollama's own."""
        return self.api.startswith("ollama-")


@dataclass(frozen=True)
class Timeouts:
    """How long to wait, in seconds."""

    connect_s: float
    first_token_s: float
    between_chunks_s: float
    call_s: float


@dataclass(frozen=True)
class Task:
    """One agent's part in one run."""

    run: str
    agent: str
    input: str
    summary_bytes: int
    prompts: Prompts
    barrier: bool
    server: Server
    options: Mapping[str, OptionValue]
    warmup_calls: int
    keepalive: bool
    prompt_cache: str
    nonce: str | None
    timeouts: Timeouts


def parse_task(line: bytes) -> Task:
    """Parses a task; raises `TaskError` if it is none, or of another protocol."""
    try:
        given = _object(json.loads(line), "the task")
        protocol = _take(given, "protocol", int)
        if protocol != PROTOCOL:
            raise TaskError(
                f"the task is of protocol {protocol}, and this agent speaks {PROTOCOL}; "
                "use one version"
            )
        return _task(given)
    except TaskError:
        raise
    except ValueError as error:
        raise TaskError(
            f"expected one task as a line of JSON on standard input, see docs/agents.md: {error}"
        ) from None


def _task(given: dict[str, Any]) -> Task:
    prompt_cache = _choose(given, "prompt_cache", ("on", "off", "nonce"))
    nonce = _take(given, "nonce", str, None)
    if prompt_cache == "nonce" and nonce is None:
        raise TaskError("the task asks for nonces and has no `nonce`")
    options = _take(given, "options", dict)
    task = Task(
        run=_take(given, "run", str),
        agent=_take(given, "agent", str),
        input=_take(given, "input", str),
        summary_bytes=_take(given, "summary_bytes", int),
        prompts=_prompts(_take(given, "prompts", dict, None)),
        barrier=_take(given, "barrier", bool, False),
        server=_server(_take(given, "server", dict)),
        options={name: _option(name, value) for name, value in options.items()},
        warmup_calls=_take(given, "warmup_calls", int),
        keepalive=_choose(given, "connection", ("fresh", "keepalive")) == "keepalive",
        prompt_cache=prompt_cache,
        nonce=nonce if prompt_cache == "nonce" else None,
        timeouts=_timeouts(_take(given, "timeouts", dict)),
    )
    _nothing_else(given, "the task")
    return task


def _server(given: dict[str, Any]) -> Server:
    server = Server(
        name=_take(given, "name", str),
        url=base_url(_take(given, "url", str)),
        api=_choose(given, "api", tuple(PATHS)),
        model=_take(given, "model", str),
        api_key_env=_take(given, "api_key_env", str, None),
    )
    _nothing_else(given, "`server`")
    return server


def _prompts(given: dict[str, Any] | None) -> Prompts:
    if given is None:
        return ANALYST
    names = ("analysis_before", "analysis_after", "report_before", "report_after")
    words = Prompts(**{name: _take(given, name, str) for name in names})
    _nothing_else(given, "`prompts`")
    return words


def _timeouts(given: dict[str, Any]) -> Timeouts:
    names = ("connect_s", "first_token_s", "between_chunks_s", "call_s")
    timeouts = Timeouts(**{name: float(_take(given, name, (int, float))) for name in names})
    _nothing_else(given, "`timeouts`")
    return timeouts


def _option(name: str, value: Any) -> OptionValue:
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        return float(value)
    if isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise ValueError(f"the option `{name}` is neither a number, a switch, a text nor texts")


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} is not an object")
    return value


_REQUIRED = object()


def _take(given: dict[str, Any], name: str, kind: Any, default: Any = _REQUIRED) -> Any:
    """Takes a key out of `given`, so that what is left at the end is unknown."""
    value = given.pop(name, None)
    if value is None:
        if default is _REQUIRED:
            raise ValueError(f"`{name}` is missing")
        return default
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"`{name}` is of another type")
    return value


def _choose(given: dict[str, Any], name: str, choices: tuple[str, ...]) -> str:
    value: str = _take(given, name, str)
    if value not in choices:
        raise ValueError(f"`{name}` is none of {', '.join(choices)}: {value}")
    return value


def _nothing_else(given: dict[str, Any], where: str) -> None:
    if given:
        raise ValueError(f"{where} has an unknown key: {min(given)}")


_AUTHORITY = re.compile(r'(\[[0-9a-fA-F:.]+\]|[^\s\x00-\x1f/?#\\"<>:\[\]]+)(:([0-9]+))?')


def base_url(url: str) -> str:
    """Returns `http://HOST[:PORT]`, of which a server's URL consists, without a closing `/`.

    Raises `TaskError` if it is anything else; a password in it is not repeated.
    """
    if "@" in url:
        raise TaskError("a server's URL holds no user or password; name the key by `api_key_env`")
    if not url.startswith(("http://", "https://")):
        raise TaskError(f"a server's URL starts with http:// or https://, not {url!r}")
    scheme, _, rest = url.partition("://")
    authority = rest.removesuffix("/")
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        raise TaskError(
            f"expected only a host and a port, as in http://127.0.0.1:11434, not {url!r}"
        )
    if match.group(3) and not 1 <= int(match.group(3)) <= 65535:
        raise TaskError(f"the port of {url!r} is not a number from 1 to 65535")
    return f"{scheme}://{authority}"


@dataclass(frozen=True, repr=False)
class Secret:
    """A server's key: sent to that server, and struck out of whatever is recorded."""

    key: str

    def strike_out(self, text: str) -> str:
        """Overwrites each occurrence of the key by as many asterisks."""
        return text.replace(self.key, "*" * len(self.key))


def secret_of(server: Server) -> Secret | None:
    """Returns the server's key from the environment; raises `TaskError` if it is not there."""
    name = server.api_key_env
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise TaskError(
            f"the environment variable {name} is not set; export the server's key in it"
        )
    if not all("!" <= letter <= "~" for letter in key):
        raise TaskError(
            "the key has characters other than visible ASCII; copy it again without line breaks"
        )
    return Secret(key)
