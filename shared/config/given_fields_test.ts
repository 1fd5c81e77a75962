import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { openaiRoutes, taskRequest, workerEvent } from "../contracts/mod.ts";
import { forGiven } from "./given_fields.ts";

/** What a schema makes of a value, or what it finds. */
function found(schema: z.ZodType, value: unknown): unknown {
  const { success, data, error } = schema.safeParse(value);
  return success ? { data } : { issues: error.issues };
}

const sameAsWhole = (schema: z.ZodType, value: unknown) =>
  assert.deepEqual(found(forGiven(schema, value), value), found(schema, value));

const small = z.strictObject({
  name: z.string(),
  size: z.number().default(3),
  note: z.string().nullish(),
  list: z.array(z.number()).prefault([1]),
  kind: z.enum(["a", "b"]).optional(),
  length: z.string().optional().transform((text) => text?.length),
  never: z.undefined(),
  ...{ o1: z.number().optional(), o2: z.number().nullish(), o3: z.string().optional() },
}).superRefine(({ note, kind }, context) => {
  if (kind === "a" && note == null) {
    context.addIssue({ code: "custom", path: ["note"], message: "is missing" });
  }
});

Deno.test("a schema for the fields that are given finds what the whole schema finds", () => {
  const values: unknown[] = [
    ...[{}, { name: "x" }, { name: 1, kind: "c" }, { name: "x", kind: "a" }, { other: 1 }],
    ...[{ name: "x", kind: "a", note: "n" }, { note: null, name: undefined }, { length: "four" }],
    ...[{ name: "x", o1: 1, o3: 2 }, { o2: null, name: "x" }],
    ...[null, undefined, [], "text", 5, { __proto__: 1 }, JSON.parse('{"__proto__":1,"name":"x"}')],
    { constructor: 1, toString: 2, hasOwnProperty: 3 },
  ];
  for (const value of values) sameAsWhole(small, value);
  for (const value of values) sameAsWhole(small.strip(), value);
  for (const value of values) sameAsWhole(small.loose(), value);
});

Deno.test("requests and events of any fields are checked as by the whole schema", () => {
  const value = fc.oneof(
    fc.constantFrom<unknown>(null, undefined, true, false, 0, 1, -1, 0.5, "", "text", [], {}),
    fc.array(fc.constantFrom("a", "b")),
    fc.array(
      fc.record({
        role: fc.constantFrom("user", "system", "assistant", "x"),
        content: fc.string(),
      }),
    ),
  );
  const events = workerEvent.options.map(({ shape }): z.ZodObject => shape.data);
  const chat = openaiRoutes.chat.body;
  for (const schema of [chat, taskRequest, ...events] as z.ZodObject[]) {
    const fields = Object.keys(schema.shape);
    const body = fc.dictionary(fc.constantFrom(...fields, "other"), value, { maxKeys: 6 });
    fc.assert(fc.property(body, (given) => sameAsWhole(schema, given)), { numRuns: 300 });
  }
});

Deno.test("a schema is made once for each set of fields, and for so many only", () => {
  const fields = Object.fromEntries(
    Array.from({ length: 9 }, (_, n) => [`f${n}`, z.number().optional()]),
  );
  const schema = z.object(fields);
  const first = forGiven(schema, { f1: 1, other: 1 });
  assert.deepEqual(Object.keys(first.shape), ["f1"]);
  assert.equal(forGiven(schema, { f1: 2 }), first);
  assert.equal(forGiven(schema, { f3: 2, f1: 1 }), forGiven(schema, { f1: 2, f3: 3 }));
  const made = new Set<z.ZodType>();
  for (let n = 0; n < 512; n++) {
    const given = Object.keys(fields).filter((_, bit) => n >> bit & 1);
    made.add(forGiven(schema, Object.fromEntries(given.map((name) => [name, 1]))));
  }
  assert.equal(made.size, 33, "32 smaller ones and the whole");
  const few = z.object({ a: z.string(), b: z.string().optional() });
  assert.equal(forGiven(few, { a: "x" }), few);
  assert.equal(forGiven(z.string() as z.ZodType, "x").safeParse("x").success, true);
});
