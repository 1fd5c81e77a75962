"""OpenAI's Python client and its newer API, unchanged, against the stack of the first argument."""

import json
import sys

import openai
from pydantic import BaseModel

client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="none", max_retries=0)
counting = "".join(f" w{number}" for number in range(8, 28))
count = {"model": "counter", "input": "w7", "max_output_tokens": 20, "store": False}

whole = client.responses.create(**count)
assert whole.output_text == counting and whole.status == "incomplete", whole
assert whole.usage.output_tokens == 20, whole

with client.responses.stream(**count) as stream:
    text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert text == counting

tools = [
    {
        "type": "function",
        "name": "get_hour",
        "description": "The time",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    }
]
asked = {"model": "script", "tools": tools, "store": False}
items = [{"role": "user", "content": "What is the time in Oslo? ②"}]
with client.responses.stream(**asked, input=items) as stream:
    called = stream.get_final_response()
thought, call = called.output
assert thought.content[0].text.strip() == "I ask for the hour.", thought
assert (call.name, json.loads(call.arguments)) == ("get_hour", {"city": "Oslo"}), call
items += [item.model_dump(exclude_none=True) for item in called.output]
items.append({"type": "function_call_output", "call_id": call.call_id, "output": "12:00 ①"})
with client.responses.stream(**asked, input=items) as stream:
    text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert text == stream.get_final_response().output_text == "It is noon in Oslo.", text


class Mood(BaseModel):
    """How a model feels."""

    sure: bool


parsed = client.responses.parse(
    model="demo", input="How are you?", text_format=Mood, max_output_tokens=100, store=False
)
assert isinstance(parsed.output_parsed, Mood), parsed

try:
    client.responses.create(**{**count, "model": "nope"})
    raise SystemExit("a model that nobody has was answered")
except openai.NotFoundError as error:
    assert error.code == "model_not_found", error
