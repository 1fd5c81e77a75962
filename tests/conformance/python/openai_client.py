"""The official Python client, unchanged, against the stack whose address is the first argument."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none", max_retries=0)
messages = [{"role": "user", "content": "w7"}]
counting = "".join(f" w{number}" for number in range(8, 13))

answer = client.chat.completions.create(model="counter", messages=messages, max_tokens=5, n=2)
assert [choice.message.content for choice in answer.choices] == [counting] * 2, answer

stream = client.chat.completions.create(
    model="counter", messages=messages, max_tokens=5, stream=True
)
assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == counting

completion = client.completions.create(model="counter", prompt="w7", max_tokens=5, logprobs=1)
assert completion.choices[0].text == counting
assert len(completion.choices[0].logprobs.tokens) == 5

vectors = client.embeddings.create(model="embedder", input=["w1", "w2"])
assert [len(each.embedding) for each in vectors.data] == [64, 64]

parameters = {"type": "object", "properties": {"from": {"type": "integer"}}}
count = {"name": "count", "description": "counts", "parameters": parameters}
tools = [{"type": "function", "function": count}]
called = client.chat.completions.create(
    model="caller", messages=[{"role": "user", "content": "w1?"}], tools=tools
)
assert called.choices[0].finish_reason == "tool_calls", called
given = called.choices[0].message.tool_calls[0].function.arguments
assert json.loads(given) == {"from": 7}, given

try:
    client.chat.completions.create(model="nope", messages=messages)
    raise SystemExit("a model that nobody has was answered")
except openai.NotFoundError as error:
    assert error.code == "model_not_found", error
