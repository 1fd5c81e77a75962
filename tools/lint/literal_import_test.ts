import assert from "node:assert/strict";
import plugin from "./literal_import.ts";

const messages = (file: string, source: string) =>
  Deno.lint.runPlugin(plugin, file, source).map((each) => each.id);

Deno.test("literal-import refuses a computed import in production code", () => {
  assert.deepEqual(messages("cli/a.ts", "await import(name);"), ["llorch/literal-import"]);
  assert.deepEqual(messages("cli/a.ts", "await import(`./${name}.ts`);"), [
    "llorch/literal-import",
  ]);
});

Deno.test("literal-import leaves literal imports, types and tests alone", () => {
  assert.deepEqual(messages("cli/a.ts", 'await import("./b.ts");'), []);
  assert.deepEqual(messages("cli/a.ts", 'type A = import("./b.ts").A;'), []);
  assert.deepEqual(messages("tests/e2e/a_test.ts", "await import(name);"), []);
});
