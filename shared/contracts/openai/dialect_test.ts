import assert from "node:assert/strict";
import { ERROR_CODES, type ErrorCode, LlorchError } from "../../errors.ts";
import { anthropicDialect } from "../anthropic/dialect.ts";
import { openaiDialect, openaiError } from "./dialect.ts";

const CODES = Object.keys(ERROR_CODES) as ErrorCode[];

Deno.test("an error of OpenAI's form that is about no field has the param null", () => {
  const about = (field: string) =>
    openaiError(new LlorchError("INVALID_REQUEST", "No", { details: { errors: [{ field }] } }));
  assert.equal(about("").error.param, null);
  assert.equal(about("prompt").error.param, "prompt");
});

Deno.test("each code has the type that OpenAI's clients expect", () => {
  const types: Record<string, ErrorCode[]> = {};
  for (const code of CODES) {
    (types[openaiError(new LlorchError(code, "")).error.type] ??= []).push(code);
  }
  assert.deepEqual(types, {
    invalid_request_error: [
      "INVALID_REQUEST",
      "CONTEXT_LENGTH_EXCEEDED",
      "NOT_FOUND",
      "MODEL_NOT_FOUND",
      "METHOD_NOT_ALLOWED",
      "CONFLICT",
      "STALE_TERM",
      "CONTENT_EXPIRED",
      "PAYLOAD_TOO_LARGE",
      "UNSUPPORTED_MEDIA_TYPE",
      "NOT_LEADER",
      "REQUEST_UNSAFE",
      "HEADERS_TOO_LARGE",
    ],
    authentication_error: ["UNAUTHORIZED"],
    permission_error: ["FORBIDDEN"],
    rate_limit_error: ["QUEUE_FULL", "RATE_LIMITED"],
    cancelled: ["CANCELLED"],
    server_error: [
      "INTERNAL",
      "NOT_IMPLEMENTED",
      "POOL_UNAVAILABLE",
      "INSUFFICIENT_MEMORY",
      "WORKER_START_FAILED",
      "WORKER_LOST",
      "NOT_READY",
      "DEADLINE_UNMET",
      "QUEUE_TIMEOUT",
      "TIMEOUT",
    ],
  });
});

Deno.test("no retry is advised where the wait is longer than a minute", () => {
  for (const dialect of [openaiDialect, anthropicDialect]) {
    const advice = (retryAfterMs: number) =>
      dialect.writeError(new LlorchError("WORKER_START_FAILED", "No", { retryAfterMs }), "id")
        .headers?.["x-should-retry"];
    assert.deepEqual([advice(60_000), advice(60_001)], ["true", "false"]);
  }
});

Deno.test("only errors in OpenAI's form are read back", () => {
  for (const code of CODES) {
    const { body, headers } = openaiDialect.writeError(new LlorchError(code, "No"), "id");
    assert.equal(headers?.["x-should-retry"], String(ERROR_CODES[code].retriable));
    const error = openaiDialect.readError(JSON.parse(JSON.stringify(body)));
    assert.deepEqual([error?.code, error?.message], [code, "No"]);
  }
  for (const body of [undefined, {}, { error: "No" }, { error: { code: "INTERNAL" } }]) {
    assert.equal(openaiDialect.readError(body), undefined);
  }
});
