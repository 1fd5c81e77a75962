import assert from "node:assert/strict";
import * as fc from "fast-check";
import { isExactNumber, parseExactJson } from "./exact_json.ts";

const sameText = (text: string, fields?: readonly string[]) =>
  assert.equal(JSON.stringify(parseExactJson(text, fields)), text);

Deno.test("parseExactJson() keeps the digits of every number", () => {
  sameText('{"id":1234567890123456789,"a":[1.0,-0,1e400,0.10,1E5,{"b":9007199254740993}],"c":7}');
  sameText("1.0");
  sameText("[[],{},[{}],1.50]");
  assert.equal(parseExactJson("7"), 7);
  assert.deepEqual(parseExactJson('["1.0", true, null, 2.5]'), ["1.0", true, null, 2.5]);
});

Deno.test("parseExactJson() with names of fields keeps digits only inside these", () => {
  const text = '{"temperature":1.0,"tools":[{"schema":{"minimum":1.0,"enum":[2.0]}}],"n":2.0}';
  assert.equal(
    JSON.stringify(parseExactJson(text, ["schema"])),
    '{"temperature":1,"tools":[{"schema":{"minimum":1.0,"enum":[2.0]}}],"n":2}',
  );
  assert.deepEqual(parseExactJson('{"schema":1.0}', ["schema"]), { schema: 1 });
});

Deno.test("parseExactJson() reads strings, keys and nesting as JSON.parse() does", () => {
  for (
    const text of [
      '{"a\\"b":"c\\\\","d":"\\\\\\"","e":"x, y: 1.0 ]}","__proto__":{"x":[1]},"constructor":1.5}',
      ' [ 1.5 ,\t"\\u00e9\\ud83d\\ude00" ,\n{ "a" : false , "a" : true } ] ',
    ]
  ) assert.deepEqual(parseExactJson(text), JSON.parse(text));
  const deep = "[".repeat(100_000) + "1.5" + "]".repeat(100_000);
  let depth = 0;
  for (let at = parseExactJson(deep); Array.isArray(at); at = at[0]) depth++;
  assert.equal(depth, 100_000);
});

Deno.test("parseExactJson() reads any JSON as JSON.parse() does, but for the digits of numbers", () => {
  fc.assert(fc.property(fc.json(), fc.nat(3), (json, indent) => {
    const text = JSON.stringify([JSON.parse(json), 0.5], null, indent);
    const value = JSON.stringify(parseExactJson(text));
    assert.deepEqual(JSON.parse(value), JSON.parse(text));
    assert.equal(value, JSON.stringify(JSON.parse(text)));
  }));
});

Deno.test("parseExactJson() throws what JSON.parse() throws", () => {
  assert.throws(() => parseExactJson('{"a":1.0'), SyntaxError);
  assert.throws(() => parseExactJson(""), SyntaxError);
});

Deno.test("isExactNumber() knows kept numbers from objects that look like them", () => {
  assert.deepEqual(
    (parseExactJson('[1.0, 1, {"rawJSON":"1.0"}]') as unknown[]).map(isExactNumber),
    [true, false, false],
  );
});
