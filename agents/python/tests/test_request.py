"""The bytes of requests, and tasks that cannot be carried out."""

import hashlib
from typing import Any

import pytest
from support import task_line

from tachograph_agent.request import encode, fields, parity_sha256
from tachograph_agent.task import OptionValue, TaskError, parse_task, secret_of

PROMPT = 'Hé "x"\n'
OPTIONS: dict[str, OptionValue] = {"temperature": 0.8, "seed": 42, "stop": ["</s>", "é"]}


def body(api: str, options: dict[str, OptionValue], prompt_cache: str = "nonce") -> str:
    return encode(fields(api, "m:1b", PROMPT, options, prompt_cache)[0])


def notices(options: dict[str, OptionValue]) -> list[str]:
    return fields("openai-chat", "m", "p", options, "on")[1]


@pytest.mark.parametrize(
    ("api", "options", "expected"),
    [
        ("ollama-generate", {}, r'{"model":"m:1b","prompt":"Hé \"x\"\n","stream":true}'),
        (
            "ollama-generate",
            OPTIONS,
            r'{"model":"m:1b","options":{"seed":42,"stop":["</s>","é"],"temperature":0.8},'
            r'"prompt":"Hé \"x\"\n","stream":true}',
        ),
        (
            "ollama-chat",
            OPTIONS,
            r'{"messages":[{"content":"Hé \"x\"\n","role":"user"}],"model":"m:1b",'
            r'"options":{"seed":42,"stop":["</s>","é"],"temperature":0.8},"stream":true}',
        ),
        (
            "openai-chat",
            OPTIONS,
            r'{"messages":[{"content":"Hé \"x\"\n","role":"user"}],"model":"m:1b","seed":42,'
            r'"stop":["</s>","é"],"stream":true,"stream_options":{"include_usage":true},'
            r'"temperature":0.8}',
        ),
        (
            "openai-completions",
            {},
            r'{"model":"m:1b","prompt":"Hé \"x\"\n","stream":true,'
            r'"stream_options":{"include_usage":true}}',
        ),
        (
            "ollama-generate",
            {"think": False, "keep_alive": "10m", "num_gpu": 0, "mystery": 1},
            r'{"keep_alive":"10m","model":"m:1b","options":{"mystery":1,"num_gpu":0},'
            r'"prompt":"Hé \"x\"\n","stream":true,"think":false}',
        ),
    ],
)
def test_bodies_have_these_bytes(api: str, options: dict[str, OptionValue], expected: str) -> None:
    assert body(api, options) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.0001, "0.0001"),
        (0.00001, "0.00001"),
        (-0.0000125, "-0.0000125"),
        (0.000001, "1e-6"),
        (1.5e-10, "1.5e-10"),
        (1e15, "1000000000000000.0"),
        (1e16, "1e+16"),
        (1.5e300, "1.5e+300"),
        (7, "7"),
        (True, "true"),
    ],
)
def test_numbers_are_written_as_the_native_client_does(value: float, text: str) -> None:
    assert encode(value) == text


def test_options_are_mapped_to_openai_and_every_difference_is_said() -> None:
    options: dict[str, OptionValue] = {
        "num_predict": 64,
        "num_ctx": 2048,
        "top_k": 40,
        "model": "other",
    }
    sent, said = fields("openai-chat", "m:1b", PROMPT, options, "off")
    assert sent["max_tokens"] == 64
    assert sent["cache_prompt"] is False
    assert sent["model"] == "m:1b"
    assert not sent.keys() & {"num_predict", "num_ctx"}
    assert [it.split("`")[1] for it in said] == ["model", "num_ctx", "top_k"]
    assert "when the server starts" in said[1]
    assert "no limit" in notices({"num_predict": -1})[0]
    assert "max_tokens" in notices({"num_predict": 5, "max_tokens": 6})[0]
    assert fields("ollama-chat", "m", "p", options, "off")[1] == []


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_parity_leaves_the_nonce_out_and_nothing_else() -> None:
    one = b'{"prompt":"a1b2 hello a1b2"}'
    assert parity_sha256(one, "a1b2 ") == digest('{"prompt":"hello a1b2"}')
    assert parity_sha256(b'{"prompt":"a1b2 a1b2 hello"}', "a1b2 ") == digest(
        '{"prompt":"a1b2 hello"}'
    )
    assert parity_sha256(rb'{"prompt":"a1 2\nhello"}', "a1 2\n") == digest('{"prompt":"hello"}')
    assert parity_sha256(one, None) == hashlib.sha256(one).hexdigest()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": 9}, "protocol 9"),
        ({"nonce": None}, "no `nonce`"),
        ({"server__url": "localhost:1"}, "http://"),
        ({"server__url": "http://a/v1"}, "host and a port"),
        ({"server__url": "http://a:0"}, "from 1 to 65535"),
        ({"server__url": "http://user:hunter2@a"}, "api_key_env"),
        ({"server__api": "grpc"}, "`api` is none of"),
        ({"server__color": "red"}, "unknown key: color"),
        ({"extra": 1}, "unknown key: extra"),
        ({"summary_bytes": "many"}, "`summary_bytes` is of another type"),
        ({"warmup_calls": True}, "`warmup_calls` is of another type"),
        ({"options": {"x": None}}, "`x`"),
        ({"timeouts": None}, "`timeouts` is missing"),
    ],
)
def test_tasks_that_cannot_be_carried_out_are_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(TaskError) as refused:
        parse_task(task_line(**changes))
    assert reason in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("line", [b"", b"hello\n", b"[]\n", b"\xff\n", b'{"protocol":2}'])
def test_lines_that_are_no_task_are_refused(line: bytes) -> None:
    with pytest.raises(TaskError):
        parse_task(line)


def test_tasks_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {f"{name}_{at}": "w" for name in ("analysis", "report") for at in ("before", "after")}
    task = parse_task(
        task_line(
            "http://[::1]:80/",
            prompts=words,
            options={"a": 2**63, "b": True},
            prompt_cache="on",
            server__api_key_env="SOME_KEY",
        )
    )
    assert task.server.url == "http://[::1]:80"
    assert task.prompts.report_after == "w"
    assert task.options == {"a": 2.0**63, "b": True}
    assert (task.nonce, task.barrier, task.keepalive) == (None, False, False)
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(TaskError, match="SOME_KEY is not set"):
        secret_of(task.server)
    monkeypatch.setenv("SOME_KEY", "schlüssel")
    with pytest.raises(TaskError, match="visible ASCII"):
        secret_of(task.server)
    monkeypatch.setenv("SOME_KEY", " sk-1\n")
    secret = secret_of(task.server)
    assert secret is not None
    assert (secret.strike_out("a sk-1"), "sk-1" in repr(secret)) == ("a ****", False)
