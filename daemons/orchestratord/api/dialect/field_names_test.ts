import assert from "node:assert/strict";
import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import { inWordsOf } from "./field_names.ts";

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
