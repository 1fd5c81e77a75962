import assert from "node:assert/strict";
import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import { inWordsOf, withLongest } from "./field_names.ts";

const NAMES = { prompt: "input", messages: "input", stop: "options.stop" };

const fieldsOf = ({ details }: LlorchError) =>
  (details?.["errors"] as FieldError[]).map(({ field }) => field);

Deno.test("fields are called as the client calls them, and others stay", () => {
  const fields = ["stop.1", "messages.2.content", "seed", "stopper", "constructor"];
  const error = inWordsOf(
    NAMES,
    invalidRequest(fields.map((field) => ({ field, message: "is wrong" }))),
  );
  const expected = ["options.stop.1", "input", "seed", "stopper", "constructor"];
  assert.deepEqual(fieldsOf(error), expected);
  assert.equal(
    error.message,
    `Cannot accept the request: ${expected.map((field) => `${field}: is wrong`).join("; ")}`,
  );
});

Deno.test("an overflow names the prompt's field once, and keeps its figures", () => {
  const details = { prompt_tokens: 9, context: 8 };
  const error = new LlorchError("CONTEXT_LENGTH_EXCEEDED", "Too long", { details });
  const once = inWordsOf(NAMES, error);
  assert.equal(once.message, "input: Too long");
  assert.deepEqual(fieldsOf(once), ["input"]);
  assert.equal(once.details?.["context"], 8);
  assert.equal(inWordsOf(NAMES, once), once);
});

Deno.test("errors that name no field of the request stay as they are", () => {
  const busy = new LlorchError("QUEUE_FULL", "Busy", { retryAfterMs: 5 });
  assert.equal(inWordsOf(NAMES, busy), busy);
  const other = invalidRequest([{ field: "model", message: "is unknown" }]);
  assert.equal(inWordsOf(NAMES, other), other);
});

Deno.test("of several fields with the prompt, an overflow names the one that has most of it", () => {
  const fieldOf = (fields: Record<string, unknown>) => {
    const error = new LlorchError("CONTEXT_LENGTH_EXCEEDED", "Too long", { details: {} });
    return fieldsOf(inWordsOf(withLongest({ messages: "input" }, fields), error)).join();
  };
  assert.equal(fieldOf({ input: "short", instructions: "a long text" }), "instructions");
  assert.equal(fieldOf({ input: ["a", "much longer", "list"], instructions: "a" }), "input");
  for (const none of [undefined, null, ""]) {
    assert.equal(fieldOf({ input: "", instructions: none }), "input");
  }
});
