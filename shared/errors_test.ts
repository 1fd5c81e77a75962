import assert from "node:assert/strict";
import { invalidRequest } from "./errors.ts";

Deno.test("invalidRequest() shortens long paths in its message, so that the reason is read", () => {
  const path = (levels: number) => `json_schema${".properties.a".repeat(levels)}.type`;
  const { message, details } = invalidRequest([
    { field: path(2), message: "is no type" },
    { field: path(65), message: "is nested too deep" },
    { field: "k".repeat(5000), message: "is not a known field" },
  ]);
  const [short, long, name] = message.split(": ").slice(1).join(": ").split("; ");
  assert.equal(short, `${path(2)}: is no type`);
  assert.match(
    long!,
    /^json_schema\.properties\.a\..*\.….*\.properties\.a\.type: is nested too deep$/,
  );
  assert.ok(long!.length < 230, long);
  assert.ok(name!.length < 230, name);
  const [, { field }] = details!["errors"] as [unknown, { field: string }];
  assert.equal(field, path(65));
});
