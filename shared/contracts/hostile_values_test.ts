import assert from "node:assert/strict";
import type { z } from "zod";
import { checked } from "../config/field_errors.ts";
import * as contracts from "./mod.ts";
import type { Route } from "./route.ts";

/** JSON that cannot be converted to text or a number: to try it is a TypeError. */
const STUBBORN = JSON.parse(
  '{"toString":1,"valueOf":1,"toJSON":1,"length":5,"constructor":1,"hasOwnProperty":1,"then":1}',
);

const VALUES: readonly unknown[] = [
  ...[STUBBORN, [STUBBORN], { a: STUBBORN }, [[STUBBORN]], null, true, 1e308, -0, "x", [], {}],
  ...[[null], [[]], [1, 2], { type: STUBBORN }, [{ type: STUBBORN }], [{ role: STUBBORN }]],
  ...[{ type: "function", function: STUBBORN }, [{ type: "function", function: STUBBORN }]],
  [{ role: "user", content: STUBBORN }],
  [{ role: "user", content: [STUBBORN] }],
  [{ role: "assistant", tool_calls: STUBBORN }],
  [{ role: "assistant", tool_calls: [STUBBORN] }],
  [{ role: "tool", tool_call_id: STUBBORN, content: [{ type: "text", text: STUBBORN }] }],
];

const OTHERS = [{}, {
  model: "m",
  messages: [{ role: "user", content: "a" }],
  prompt: "x",
  input: "x",
}];

const isRoute = (value: unknown): value is Route =>
  typeof value === "object" && value !== null && "method" in value && "path" in value;

/** Fields of an object, or of all objects of a union. */
function fieldsOf(schema: z.core.$ZodType): string[] {
  const { shape, options = [], in: inner } = schema._zod.def as {
    shape?: Record<string, unknown>;
    options?: z.core.$ZodType[];
    in?: z.core.$ZodType;
  };
  return [
    ...Object.keys(shape ?? {}),
    ...options.flatMap(fieldsOf),
    ...(inner ? fieldsOf(inner) : []),
  ];
}

Deno.test("whatever JSON a field of a request holds, its check finds that it is wrong and does not fail", () => {
  const routes = Object.values(contracts).flatMap((each) =>
    typeof each === "object" && each !== null ? Object.values(each).filter(isRoute) : []
  );
  let tried = 0;
  for (const { method, path, body } of routes) {
    for (const field of body ? fieldsOf(body) : []) {
      for (
        const [others, value] of OTHERS.flatMap((each) => VALUES.map((one) => [each, one] as const))
      ) {
        tried++;
        assert.doesNotThrow(
          () => checked(body!, { ...others, [field]: value }),
          `${method} ${path} with ${field}: ${JSON.stringify(value)}`,
        );
      }
    }
  }
  assert.ok(tried > 10_000, `${tried} bodies`);
});
