"""Anthropic's Python client, unchanged, against the stack whose address is the first argument."""

import sys

import anthropic

client = anthropic.Anthropic(base_url=sys.argv[1], api_key="none", max_retries=0)
counting = "".join(f" w{number}" for number in range(8, 13))
count = {"model": "counter", "max_tokens": 5, "messages": [{"role": "user", "content": "w7"}]}

whole = client.messages.create(**count)
assert [block.text for block in whole.content] == [counting], whole
assert whole.stop_reason == "max_tokens" and whole.usage.output_tokens == 5, whole

with client.messages.stream(**count) as stream:
    assert "".join(stream.text_stream) == counting
    assert stream.get_final_message().usage.output_tokens == 5

tools = [
    {
        "name": "get_hour",
        "description": "The time",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
]
messages = [{"role": "user", "content": "What is the time in Oslo? ②"}]
asked = {"model": "script", "max_tokens": 200, "tools": tools}
with client.messages.stream(**asked, messages=messages) as stream:
    called = stream.get_final_message()
assert called.stop_reason == "tool_use", called
thought, call = called.content
assert thought.type == "thinking" and thought.thinking.strip() == "I ask for the hour.", thought
assert (call.type, call.name, call.input) == ("tool_use", "get_hour", {"city": "Oslo"}), call
messages += [
    {"role": "assistant", "content": called.content},
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "12:00 ①"}],
    },
]
counted = client.messages.count_tokens(model="script", tools=tools, messages=messages)
answered = client.messages.create(**asked, messages=messages)
assert answered.content[-1].text == "It is noon in Oslo.", answered
usage = answered.usage
assert usage.input_tokens + usage.cache_read_input_tokens == counted.input_tokens, usage

assert "counter" in [model.id for model in client.models.list()]

try:
    client.messages.create(**{**count, "model": "nope"})
    raise SystemExit("a model that nobody has was answered")
except anthropic.NotFoundError as error:
    assert error.body["error"]["type"] == "not_found_error", error
try:
    client.messages.create(**{**count, "max_tokens": 0})
    raise SystemExit("no tokens at most were generated")
except anthropic.BadRequestError as error:
    assert "max_tokens" in str(error), error
