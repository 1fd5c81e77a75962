import assert from "node:assert/strict";
import { z } from "zod";
import { exampleProblems } from "./config_example_rules.ts";

const schema = z.strictObject({
  port: z.number().default(8080),
  token_file: z.string().min(3).optional(),
  queue: z.strictObject({ capacity: z.number().default(100) }).prefault({}),
});

const example = `
# Port to listen on.
port = 8080

# File with the token.
# token_file = "/etc/token"

[queue]
# Jobs that may wait.
capacity = 100
`;

const changed = (from: string, to: string) => exampleProblems(example.replace(from, to), schema);

Deno.test("config example: the defaults, explained, with optional keys as comments, pass", () => {
  assert.deepEqual(exampleProblems(example, schema), []);
});

Deno.test("config example: a value that is not the default is named", () => {
  assert.deepEqual(changed("8080", "8081"), ["port is 8081, its default 8080"]);
});

Deno.test("config example: a missing key is named", () => {
  assert.deepEqual(changed("# Jobs that may wait.\ncapacity = 100", ""), [
    "queue.capacity is missing",
  ]);
});

Deno.test("config example: an unknown key is named, as a comment too", () => {
  assert.deepEqual(changed("[queue]", "[queue]\n# Size.\nsize = 1"), [
    "queue.size is not a known field",
  ]);
  assert.deepEqual(changed("[queue]", "[queue]\n# Size.\n# size = 1"), [
    "queue.size is not a known field",
  ]);
});

Deno.test("config example: a key with a default must not be a comment", () => {
  assert.deepEqual(changed("port = 8080", "# port = 8080"), [
    "port is undefined, its default 8080",
  ]);
});

Deno.test("config example: a key without a default must be a comment with a valid value", () => {
  assert.deepEqual(changed("# token_file", "token_file"), [
    "token_file has no default: it must be a comment",
  ]);
  assert.equal(changed("/etc/token", "/").length, 1);
});

Deno.test("config example: a key without a comment is named", () => {
  assert.deepEqual(changed("# Port to listen on.\n", ""), ["line 2: port has no comment above it"]);
});

Deno.test("config example: what is not TOML is refused", () => {
  assert.match(changed("8080", "=")[0] ?? "", /^is not TOML: /);
});
