import assert from "node:assert/strict";
import { closedJson } from "./closed_json.ts";

Deno.test("closedJson() keeps what is whole, and strings as far as they came", () => {
  const cases: Record<string, string> = {
    '{"path": "a.ts", "text": "one\\ntw': '{"path": "a.ts", "text": "one\\ntw"}',
    '{"a": 1, "b": 12': '{"a": 1}',
    '{"a": "x", "b': '{"a": "x"}',
    '{"a": "x", "b"': '{"a": "x"}',
    '{"a": "x", "b":': '{"a": "x"}',
    '{"a": "x"': '{"a": "x"}',
    '{"a": "x\\': '{"a": "x"}',
    '{"a": "x\\u00': '{"a": "x"}',
    '{"a": [1, {"b": ["c", "d': '{"a": [1, {"b": ["c", "d"]}]}',
    '{"a": {"b": tr': '{"a": {}}',
    '{"a": {"b": {}}, ': '{"a": {"b": {}}}',
    '{"a, {": "}", "b": "': '{"a, {": "}", "b": ""}',
    "{": "{}",
    '{"': "{}",
    "": "",
  };
  for (const [cut, whole] of Object.entries(cases)) assert.equal(closedJson(cut), whole, cut);
});

Deno.test("closedJson() makes JSON of an object cut anywhere", () => {
  const text = JSON.stringify({
    path: 'a "quoted" \\ name\n',
    lines: [1, -2.5e3, [null, true], { deep: "é\u0001" }],
    more: {},
  });
  for (let length = 1; length <= text.length; length++) {
    const whole = closedJson(text.slice(0, length));
    assert.doesNotThrow(() => JSON.parse(whole), `${text.slice(0, length)} became ${whole}`);
  }
  assert.deepEqual(JSON.parse(closedJson(text)), JSON.parse(text));
});

Deno.test("closedJson() takes no longer for each level of a text that is nested deep", () => {
  const levels = 300_000;
  assert.equal(closedJson("[".repeat(levels)), "[".repeat(levels) + "]".repeat(levels));
});
