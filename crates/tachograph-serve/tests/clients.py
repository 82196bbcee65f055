"""Talks to a server with the real `ollama` and `openai` clients.

Argument: URL and model. Exits with a traceback when anything is not as it
should be. Standard output: one JSON object with what was seen.
"""
import json
import sys

import ollama
import openai

url, model = sys.argv[1:3]
seen = {}

client = ollama.Client(host=url)
assert [m.model for m in client.list().models] == [model], client.list()
shown = client.show(model)
assert "completion" in shown.capabilities, shown
seen["family"] = shown.details.family

# Load, look, and generate in both manners.
loaded = client.generate(model=model, keep_alive="5m")
assert loaded.done and loaded.done_reason == "load", loaded
assert client.ps().models[0].model == model, client.ps()
options = {"temperature": 0, "seed": 1, "num_predict": 12}
whole = client.generate(model=model, prompt="Why is the sky blue?", options=options)
assert whole.done and whole.response and 0 < whole.eval_count <= 12, whole
assert whole.prompt_eval_count > 0 and whole.total_duration > 0, whole
chunks = list(client.generate(model=model, prompt="Why is the sky blue?", options=options, stream=True))
assert chunks[-1].done and chunks[-1].eval_count == whole.eval_count, chunks[-1]
assert "".join(c.response for c in chunks) == whole.response
assert all(not c.done for c in chunks[:-1])
seen["text"] = whole.response

messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hello."}]
parts = list(client.chat(model=model, messages=messages, options=options, stream=True))
assert parts[-1].done_reason in ("stop", "length"), parts[-1]
assert "".join(p.message.content for p in parts)

try:
    client.generate(model="no-such-model", prompt="x")
    raise AssertionError("a model that is not there was used")
except ollama.ResponseError as error:
    assert error.status_code == 404 and error.error == "model 'no-such-model' not found", error
try:
    client.generate(model=model, prompt="x", options={"num_ctx": "many"})
    raise AssertionError("an option of the wrong type was taken")
except (ollama.ResponseError, ValueError) as error:
    seen["wrong_type"] = type(error).__name__

# A change of num_ctx is a reload, a repetition is not.
durations = []
for num_ctx in (256, 256, 512):
    answer = client.generate(model=model, prompt="Hi.", options=dict(options, num_ctx=num_ctx, num_predict=2))
    durations.append(answer.load_duration)
assert durations[0] > 10 * durations[1] and durations[2] > 10 * durations[1], durations
assert client.ps().models[0].context_length == 512, client.ps()
seen["load_ns"] = durations

# OpenAI.
api = openai.OpenAI(base_url=url + "/v1", api_key="unused", max_retries=0)
assert [m.id for m in api.models.list()] == [model]
messages = [{"role": "user", "content": "Say hello."}]
answer = api.chat.completions.create(model=model, messages=messages, max_tokens=8, temperature=0)
assert answer.choices[0].message.content and answer.usage.completion_tokens <= 8, answer
stream = api.chat.completions.create(
    model=model, messages=messages, max_tokens=8, temperature=0, stream=True,
    stream_options={"include_usage": True})
events = list(stream)
text = "".join(e.choices[0].delta.content or "" for e in events if e.choices)
assert text == answer.choices[0].message.content, (text, answer)
assert events[-1].usage.completion_tokens == answer.usage.completion_tokens, events[-1]
assert events[-1].usage.prompt_tokens_details.cached_tokens > 0, events[-1]
completion = api.completions.create(model=model, prompt="Once upon", max_tokens=4)
assert completion.choices[0].text, completion
try:
    api.chat.completions.create(model="no-such-model", messages=messages)
    raise AssertionError("a model that is not there was used")
except openai.NotFoundError as error:
    assert "not found" in str(error), error

unloaded = client.generate(model=model, keep_alive=0)
assert unloaded.done_reason == "unload", unloaded
assert client.ps().models == [], client.ps()
print(json.dumps(seen))
