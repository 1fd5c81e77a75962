"""Ollama's Python client, unchanged, against the stack whose address is the first argument."""

import json
import sys

import ollama

client = ollama.Client(host=sys.argv[1])
options = {"num_predict": 5, "temperature": 0}
messages = [{"role": "user", "content": "w7"}]
counting = "".join(f" w{number}" for number in range(8, 13))

whole = client.chat(model="counter", messages=messages, options=options)
assert whole.message.content == counting, whole
assert (whole.done, whole.done_reason, whole.eval_count) == (True, "length", 5), whole

parts = list(client.chat(model="counter", messages=messages, options=options, stream=True))
assert "".join(part.message.content for part in parts) == counting, parts
assert parts[-1].done and parts[-1].eval_duration > 0, parts

written = client.generate(model="counter:latest", prompt="w7", raw=True, options=options)
assert written.response == counting, written


def get_hour(city: str) -> str:
    """The time

    Args:
        city: Where
    """
    return f"12:00 in {city} ①"


asked = [{"role": "user", "content": "What is the time in Oslo? ②"}]
called = client.chat(model="script", messages=asked, tools=[get_hour]).message
assert called.thinking.strip() == "I ask for the hour.", called
(call,) = called.tool_calls
assert (call.function.name, call.function.arguments) == ("get_hour", {"city": "Oslo"}), call
result = get_hour(**call.function.arguments)
asked += [called, {"role": "tool", "tool_name": "get_hour", "content": result}]
answered = client.chat(model="script", messages=asked, tools=[get_hour])
assert answered.message.content == "It is noon in Oslo.", answered

schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
formed = client.chat(
    model="demo", messages=messages, format=schema, options={"num_predict": 100, "temperature": 0}
)
assert isinstance(json.loads(formed.message.content)["sure"], bool), formed

vectors = client.embed(model="embedder", input=["w1", "w2"])
assert [len(each) for each in vectors.embeddings] == [64, 64]

assert "counter:latest" in [model.model for model in client.list().models]
assert "script:latest" in [model.model for model in client.ps().models]
shown = client.show("counter")
assert "completion" in shown.capabilities and shown.modelinfo["llama.context_length"] > 0, shown

try:
    client.chat(model="nope", messages=messages)
    raise SystemExit("a model that nobody has was answered")
except ollama.ResponseError as error:
    assert error.status_code == 404 and "nope" in error.error, error
