"""Calls against a scripted server: what is sent, what is taken in, and every status."""

import hashlib
import json
import socket
from typing import Any

import pytest
from support import (
    END,
    FINAL,
    GENERATED,
    HANG,
    Script,
    Server,
    chunk,
    document,
    generated,
    head,
    line,
    make_task,
    run,
)

from tachograph_agent.calls import CallRecord
from tachograph_agent.cli import make_client
from tachograph_agent.client import CallSpec, Client
from tachograph_agent.request import encode, fields
from tachograph_agent.task import TaskError, secret_of

BOTH = pytest.mark.parametrize("client", ["httpx", "ollama"])

SSE = head(media_type="text/event-stream")


async def ask(made: Client, number: int = 0, prompt: str = "Hé") -> CallRecord:
    task = made.task
    body, _ = fields(task.server.api, task.server.model, prompt, task.options, task.prompt_cache)
    return await made.call(CallSpec(number, "analysis", body, None))


def call(client: str, script: Script, **changes: Any) -> tuple[CallRecord, Server]:
    """Makes one call that is answered by a script."""

    async def steps() -> tuple[CallRecord, Server]:
        async with Server(script) as server:
            task = make_task(server.url, **changes)
            made = make_client(client, task, secret_of(task.server))
            record = await ask(made)
            await made.close()
            return record, server

    result: tuple[CallRecord, Server] = run(steps())
    return result


def openai(*events: object, done: bool = True, **changes: Any) -> CallRecord:
    """Makes one call of OpenAI's chat."""
    script: list[bytes] = [SSE]
    script += [chunk(f"data: {it if isinstance(it, str) else json.dumps(it)}\n\n") for it in events]
    script += [chunk("data: [DONE]\n\n")] if done else []
    return call("httpx", [*script, END], server__api="openai-chat", **changes)[0]


def kinds(record: CallRecord) -> list[tuple[str, str]]:
    return [(it.kind, it.text) for it in record.chunks]


def ended(record: CallRecord) -> tuple[str, str]:
    return record.finished.status, record.finished.error or ""


@BOTH
@pytest.mark.parametrize("api", ["ollama-generate", "ollama-chat"])
def test_an_answer_is_taken_in_piece_by_piece(client: str, api: str) -> None:
    if api == "ollama-chat":
        parts = [{"role": "assistant", "content": it} for it in (GENERATED, "")]
        lines = [line(message=parts[0], done=False), line(message=parts[1], **FINAL)]
        script = [head(), *lines, END]
    else:
        script = [head(), line(response=GENERATED, done=False), line(response="", **FINAL), END]
    record, server = call(client, script, server__api=api)
    assert ended(record) == ("completed", "")
    assert kinds(record) == [("content", GENERATED), ("final", "")]
    assert record.text == GENERATED
    finished = record.finished
    assert finished.usage == {"prompt_tokens": 12, "output_tokens": 2}
    assert finished.server == {
        "total_ns": 9,
        "load_ns": 1,
        "prompt_eval_ns": 3,
        "eval_ns": 4,
    }
    assert (finished.finish_reason, finished.http_status) == ("stop", 200)
    assert finished.output_sha256 == hashlib.sha256(GENERATED.encode()).hexdigest()
    sent = record.sent
    assert sent.connect_ns and sent.connected_ns and sent.sent_ns and finished.header_ns
    instants = [sent.planned_ns, sent.connect_ns, sent.connected_ns, sent.sent_ns]
    instants += [finished.header_ns, *(it.at_ns for it in record.chunks), finished.end_ns]
    assert instants == sorted(instants)
    assert server.bodies == [sent.request]
    path = "/api/chat" if api == "ollama-chat" else "/api/generate"
    assert server.requests[0][0].startswith(f"POST {path} HTTP/1.1\r\n")


def test_the_httpx_client_sends_the_native_bytes() -> None:
    options = {"temperature": 0.00001, "seed": 3}
    for api in ("ollama-generate", "ollama-chat", "openai-chat", "openai-completions"):
        record, server = call("httpx", [document("500 No", "")], server__api=api, options=options)
        expected = encode(fields(api, "m:1b", "Hé", options, "nonce")[0]).encode()
        assert server.bodies == [record.sent.request] == [expected]


def test_the_ollama_client_sends_the_same_json_in_another_order() -> None:
    options: dict[str, Any] = {"temperature": 0.5, "seed": 3, "stop": ["a"]}
    options |= {"keep_alive": "5m", "think": False}
    added: dict[str, dict[str, Any]] = {"ollama-generate": {}, "ollama-chat": {"tools": []}}
    for api, extra in added.items():
        record, server = call("ollama", [document("500 No", "")], server__api=api, options=options)
        expected = fields(api, "m:1b", "Hé", options, "nonce")[0]
        # What it adds to a chat: see the README.
        assert json.loads(server.bodies[0]) == expected | extra
        assert server.bodies == [record.sent.request]


def test_what_the_ollama_client_cannot_send_is_refused() -> None:
    for changes, reason in (
        ({"server__api": "openai-chat"}, "does not speak `openai-chat`"),
        ({"options": {"shift": False}}, "cannot send `shift`"),
        ({"options": {"raw": True}, "server__api": "ollama-chat"}, "cannot send `raw`"),
        ({"options": {"think": [1]}}, "neither"),
    ):
        with pytest.raises(TaskError, match=reason):
            make_client("ollama", make_task("http://127.0.0.1:1", **changes), None)
    with pytest.raises(TaskError, match="cannot send the options"):
        call("ollama", [], options={"think": ["texts"]})


@BOTH
def test_zeros_that_ollama_leaves_out_are_zeros(client: str) -> None:
    record, _ = call(client, [head(), line(response="", done=True), END])
    assert record.finished.usage == {"prompt_tokens": 0, "output_tokens": 0}
    assert record.finished.server["eval_ns"] == 0
    loaded, _ = call(client, [head(), line(response="", done=True, done_reason="load"), END])
    assert loaded.finished.usage == {}


def test_pieces_that_came_together_share_a_read_and_a_stamp() -> None:
    both = chunk('{"response":"a"}\n{"response":"b"}\n')
    record, _ = call("httpx", [head(), both, line(response="c", **FINAL), END])
    a, b, c = record.chunks[:3]
    assert (a.read, a.at_ns) == (b.read, b.at_ns)
    assert c.read > b.read
    assert [it.n_bytes for it in record.chunks[:2]] == [17, 17]
    assert record.finished.n_reads == record.chunks[-1].read + 1
    of_ollama, _ = call("ollama", [head(), both, line(response="c", **FINAL), END])
    assert [it.read for it in of_ollama.chunks] == [0, 0, 1]
    assert [it.n_bytes for it in of_ollama.chunks[:2]] == [34, 0]


def test_thinking_and_tool_calls_are_told_apart() -> None:
    used = {"function": {"name": "f", "arguments": {"a": 1}}}
    message = {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [used]}
    for client in ("httpx", "ollama"):
        record, _ = call(
            client, [head(), line(message=message, **FINAL), END], server__api="ollama-chat"
        )
        assert [kind for kind, _ in kinds(record)] == ["reasoning", "tool_call"]
        assert (record.text, record.chunks[1].n_bytes) == ("", 0)


@BOTH
@pytest.mark.parametrize(
    ("script", "status", "reason"),
    [
        ([document("500 No", '{"error":"out of memory"}')], "http_error", "HTTP 500: out of"),
        ([document("404 No", "")], "http_error", "HTTP 404: no message"),
        ([document("302 Go", "", "Location: /x\r\n")], "http_error", "not followed"),
        ([head("503 No"), chunk("busy")], "http_error", "HTTP 503: its body was cut off"),
        ([head(), line(response="a"), line(error="it died"), END], "http_error", "it died"),
        ([head(), line(response="a"), END], "truncated", "after 1 chunks, without its final"),
        ([head(), line(response="a")], "truncated", "the connection broke: peer closed"),
        ([], "truncated", "the connection broke: Server disconnected"),
        ([b"SSH-2.0-x\r\n\r\n"], "malformed", "is this an HTTP server?"),
        ([head(), line(response="a"), chunk("{oops\n"), END], "malformed", "chunk 1 is malformed"),
        ([head(), line(response=7), END], "malformed", "chunk 0 is malformed"),
        ([head(), chunk("[]\n"), END], "malformed", "chunk 0 is malformed"),
        ([head(), b"zz\r\n"], "malformed", "is this an HTTP server?"),
    ],
)
def test_every_failure_has_its_status(
    client: str, script: Script, status: str, reason: str
) -> None:
    found = ended(call(client, script)[0])
    assert found[0] == status
    assert reason in found[1], found[1]


def test_an_error_inside_the_stream_is_a_chunk_and_the_first_one_counts() -> None:
    script = [head(), line(error={"message": "first"}), line(response="a", **FINAL), END]
    record, _ = call("httpx", script)
    assert ended(record) == ("http_error", "first")
    assert kinds(record) == [("error", "first"), ("content", "a")]


def test_a_page_in_place_of_a_stream_is_malformed() -> None:
    record, _ = call("httpx", [head(media_type="text/html"), chunk("\n\n"), END])
    assert "the answer (text/html) has no JSON lines" in ended(record)[1]
    page = [head(media_type="text/html"), chunk("<html>\n"), END]
    record, _ = call("httpx", page, server__api="openai-chat")
    assert ended(record)[0] == "malformed"
    assert "has no events; is the server's `api` right?" in ended(record)[1]


@BOTH
def test_a_server_that_is_not_there_is_no_connection(client: str) -> None:
    # Bound and not listening: nothing else can take the port meanwhile.
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        task = make_task(f"http://127.0.0.1:{taken.getsockname()[1]}")

        async def steps() -> CallRecord:
            made = make_client(client, task, None)
            record = await ask(made)
            await made.close()
            return record

        record = run(steps())
    assert ended(record)[0] == "connect_error"
    assert "is the server running?" in ended(record)[1]
    assert record.sent.request, "the request was made, and could not be sent"
    assert record.sent.connect_ns is not None
    assert record.sent.connected_ns is record.sent.sent_ns is None


@BOTH
@pytest.mark.parametrize(
    ("script", "timeout", "status", "reason"),
    [
        ([HANG], "first_token_s", "timeout", "no byte of the answer's body within 0.05 s"),
        ([head(), HANG], "first_token_s", "timeout", "`first_token_s`"),
        ([head(), line(response="a"), HANG], "between_chunks_s", "stalled", "came for 0.05 s"),
        ([head(), line(response="a"), HANG], "call_s", "timeout", "did not end within 0.05 s"),
        ([head("500 No"), HANG], "first_token_s", "http_error", "its body was cut off"),
    ],
)
def test_what_does_not_come_in_time_is_left(
    client: str, script: Script, timeout: str, status: str, reason: str
) -> None:
    record, _ = call(client, script, **{f"timeouts__{timeout}": 0.05})
    assert ended(record)[0] == status
    assert reason in ended(record)[1]


@BOTH
def test_a_body_that_does_not_end_after_its_final_record_is_complete(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tachograph_agent.client.END_GRACE_NS", 1_000_000)
    record, _ = call(client, [head(), line(response="a", **FINAL), HANG])
    assert ended(record) == ("completed", "")
    assert record.finished.end_ns == record.chunks[-1].at_ns


@BOTH
def test_connections_are_kept_or_not_as_the_task_says(client: str) -> None:
    async def steps(connection: str) -> tuple[int, list[bool]]:
        async with Server(generated(), generated()) as server:
            made = make_client(client, make_task(server.url, connection=connection), None)
            records = [await ask(made, number) for number in range(2)]
            await made.close()
            return server.n_connections, [it.sent.is_fresh for it in records]

    _, server = call(client, generated())
    assert "connection: close\r\n" in server.requests[0][0].lower()
    assert run(steps("fresh")) == (2, [True, True])
    assert run(steps("keepalive")) == (1, [True, False])


@BOTH
def test_a_key_is_sent_and_struck_out_of_what_is_recorded(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_KEY", "sk-hunter2\n")
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-of-nobody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    script = [head(), line(response="sk-hunter2", done=False), line(error="bad sk-hunter2"), END]
    record, server = call(client, script, server__api_key_env="SOME_KEY")
    assert "authorization: bearer sk-hunter2\r\n" in server.requests[0][0].lower()
    assert record.chunks[0].text == "*" * 10
    assert "hunter2" not in repr(record)
    assert record.finished.error == "bad **********"
    _, keyless = call(client, generated())
    assert "authorization" not in keyless.requests[0][0].lower()


def choice(**values: Any) -> dict[str, Any]:
    return {"choices": [values]}


def test_events_of_openai_are_taken_in() -> None:
    record = openai(
        choice(delta={"role": "assistant", "content": ""}),
        choice(delta={"reasoning": "hm"}),
        choice(delta={"content": "a"}),
        choice(delta={"tool_calls": [{"index": 0}]}),
        choice(delta={}, finish_reason="stop"),
        {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}},
    )
    assert ended(record) == ("completed", "")
    assert kinds(record) == [
        ("empty", ""),
        ("reasoning", "hm"),
        ("content", "a"),
        ("tool_call", '[{"index":0}]'),
        ("final", ""),
        ("final", ""),
        ("final", ""),
    ]
    assert record.finished.finish_reason == "stop"
    assert record.finished.usage == {"prompt_tokens": 9, "output_tokens": 2}


def test_the_figures_of_llama_cpp_are_taken_in() -> None:
    timings = {
        "cache_n": 4,
        "prompt_n": 8,
        "prompt_ms": 1.5,
        "predicted_n": 3,
        "predicted_ms": 0.0000005,
    }
    record = openai(choice(delta={}, finish_reason="length") | {"timings": timings})
    assert record.finished.usage == {
        "prompt_tokens": 12,
        "output_tokens": 3,
        "cached_prompt_tokens": 4,
    }
    assert record.finished.server == {"prompt_eval_ns": 1_500_000, "eval_ns": 1}


def test_an_openai_stream_can_end_in_other_ways() -> None:
    finished = choice(delta={"content": "a"}, finish_reason="stop")
    status, error = ended(openai(finished, done=False))
    assert (status, "without `[DONE]`" in error) == ("completed", True)
    status, error = ended(openai(choice(delta={"content": "a"}), done=False))
    assert (status, "([DONE])" in error) == ("truncated", True)
    assert ended(openai({"error": {"message": "no"}})) == ("http_error", "no")
    assert ended(openai("{oops"))[0] == "malformed"
    assert ended(openai("3"))[0] == "malformed"


def test_server_sent_events_of_other_forms() -> None:
    text = (
        ": ping\r\n\r\nevent: message\r\ndata: {\r\ndata: }\r\n\r\n"
        'data:{"choices":[{"text":"a"}]}\n\nevent: error\ndata: {"message":"bad"}\n\nfoo: x\n\n'
        "error: old\n\ndata: [DONE]"
    )
    record, _ = call("httpx", [SSE, chunk(text), END], server__api="openai-completions")
    assert kinds(record) == [
        ("empty", ""),
        ("empty", ""),
        ("content", "a"),
        ("error", "bad"),
        ("error", "old"),
        ("final", ""),
    ]
    assert ended(record) == ("http_error", "bad")


def test_a_document_in_place_of_events_is_told() -> None:
    for text, expected in (
        ('{"error":{"message":"no model"}}', ("http_error", "no model")),
        ('{"choices":\n[]}', ("malformed", "with one document")),
    ):
        record, _ = call("httpx", [SSE, chunk(text), END], server__api="openai-chat")
        status, error = ended(record)
        assert status == expected[0]
        assert expected[1] in error
