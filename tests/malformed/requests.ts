/**
 * Generators of malformed requests, as bytes on the wire.
 *
 * @module
 */
import fc from "fast-check";
import { orchestratorRoutes, type Route } from "#shared/contracts/mod.ts";

/** A request, and how it is sent. */
export interface Malformed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Number of pieces in which it is written, with a pause between them. */
  readonly pieces: number;
  /** Share of the request that is written before the connection is closed, 0 to 1. */
  readonly share: number;
}

const routes: readonly Route[] = Object.values<Route>(orchestratorRoutes);
const encoder = new TextEncoder();

/** A model that no pool has, so that no request becomes a job. */
const MODEL = "no-such-model";

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom(
    "",
    "\u0000",
    "\ud800",
    "../../etc/passwd",
    "__proto__",
    "constructor",
    "' OR 1=1 --",
    "%00",
    "%zz",
    "\u202e\u2028",
    "a".repeat(5000),
  ),
);

const number = fc.oneof(
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, -1, 1e308, 2 ** 53, 2 ** 31, 2 ** 32, 0.1),
);

const value = fc.oneof(
  { weight: 3, arbitrary: number },
  { weight: 3, arbitrary: text },
  fc.constantFrom(null, true, false),
  fc.jsonValue({ maxDepth: 3 }),
  fc.array(text, { maxLength: 5 }),
);

/** Field names of the schemas, so that values get past the first check. */
const field = fc.oneof(
  fc.constantFrom(
    ..."model prompt messages prompt_tokens max_tokens temperature top_p top_k min_p seed stop"
      .split(" "),
    ..."logit_bias json_schema json_schema_strict grammar tools tool_choice logprobs lora priority session_id"
      .split(
        " ",
      ),
    ..."deadline_ms detached stream n role name expires_at limits pool_id instance_id".split(" "),
    ..."endpoint devices models workers exits sequence models_revision best_of suffix echo".split(
      " ",
    ),
  ),
  text,
);

/** An almost valid task, with one or more wrong fields. */
const almostTask = fc.dictionary(field, value, { maxKeys: 6 }).map((fields) => ({
  prompt: "w7",
  messages: undefined,
  ...fields,
  model: MODEL,
}));

const json = fc.oneof(
  { weight: 4, arbitrary: almostTask.map((task) => JSON.stringify(task)) },
  {
    weight: 2,
    arbitrary: fc.dictionary(field, value, { maxKeys: 8 }).map((v) => JSON.stringify(v)),
  },
  fc.jsonValue().map((v) => JSON.stringify(v)),
);

const body = fc.oneof(
  { weight: 4, arbitrary: json.map((text) => encoder.encode(text)) },
  // Truncated, or with junk in the middle.
  fc.tuple(json, fc.double({ min: 0, max: 1, noNaN: true }), text).map(([json, at, junk]) => {
    const cut = Math.floor(json.length * at);
    return encoder.encode(json.slice(0, cut) + junk);
  }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
  fc.constantFrom(
    "[".repeat(50_000),
    '{"a":'.repeat(20_000),
    '{"model":1e99999}',
    `{"model":${"9".repeat(5000)}}`,
    '{"model":"x","model":"y"}',
    '{"__proto__":{"model":"x"},"prompt":"x"}',
    "\ufeff{}",
    "nul",
    "NaN",
    "{'model':'x'}",
    '{"model":"\\ud800"}',
  ).map((text) => encoder.encode(text)),
);

const method = fc.oneof(
  { weight: 8, arbitrary: fc.constant(undefined) },
  fc.constantFrom("PUT", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "G\u0000T", ""),
);

const escaped = text.map((text) => encodeURIComponent(text.toWellFormed()));
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  fc.tuple(fc.constantFrom("status", "model", "cursor", "limit", "ids", "x"), escaped)
    .map(([name, value]) => `?${name}=${value}`),
  text.map((text) => `?${text.replaceAll("\u0000", "").replace(/\s/g, "")}`),
);
const path = fc.tuple(fc.constantFrom(...routes), escaped, query).map(([route, param, query]) =>
  [route, route.path.replace(/\{\w+\}/g, param || "x") + query] as const
);

const header = fc.oneof(
  fc.constantFrom(
    "Accept: text/event-stream",
    "Content-Type: text/plain",
    "Content-Type: application/json; charset=utf-7",
    "Content-Type: ",
    "Content-Encoding: gzip",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip, chunked",
    "Content-Length: -1",
    "Content-Length: 99999999999999999999",
    "Content-Length: 1e3",
    "Content-Length: 900000000",
    "Host: a b",
    "Host: [::",
    "Expect: 100-continue",
    "Upgrade: websocket",
    "Connection: upgrade, close",
    "Last-Event-ID: -1",
    "Last-Event-ID: 99999999999999999999999",
    "Authorization: Basic x",
    "Authorization: Bearer llorch_0123456789ab_x",
    `Authorization: Bearer ${"x".repeat(20_000)}`,
    `X-Long: ${"x".repeat(40_000)}`,
    `X-Long: ${"x".repeat(200_000)}`,
    ": no name",
    "no colon",
    "X-Correlation-Id: a\u0000b",
    " folded: yes",
  ),
  text.map((text) => `Idempotency-Key: ${text}`),
  text.map((text) => `X-Correlation-Id: ${text}`),
  fc.tuple(text, text).map(([name, value]) => `${name}: ${value}`),
  fc.nat({ max: 300 }).map((count) =>
    Array.from({ length: count }, (_, index) => `X-${index}: y`).join("\r\n")
  ),
);

const http = fc.record({
  method,
  target: path,
  version: fc.oneof(
    { weight: 20, arbitrary: fc.constant("HTTP/1.1") },
    fc.constantFrom("HTTP/1.0", "HTTP/9.9", "HTTQ/1.1", ""),
  ),
  headers: fc.array(header, { maxLength: 2 }),
  body: fc.option(body, { nil: undefined }),
});

/** Any request of a client that has this secret. */
export function malformedRequest(secret: string): fc.Arbitrary<Malformed> {
  const whole = http.map(({ method, target: [route, target], version, headers, body }) => {
    const content = body ?? (route.body ? encoder.encode("{") : new Uint8Array());
    const given = headers.join("\r\n");
    const own = [
      /^host:/im.test(given) ? "" : "Host: x",
      /^authorization:/im.test(given) ? "" : `Authorization: Bearer ${secret}`,
      /^content-type:/im.test(given) ? "" : "Content-Type: application/json",
      /^(content-length|transfer-encoding):/im.test(given)
        ? ""
        : `Content-Length: ${content.length}`,
    ].filter((line) => line !== "");
    const head = `${method ?? route.method} ${target} ${version}\r\n${
      [...headers, ...own].join("\r\n")
    }\r\n\r\n`;
    return concat(encoder.encode(head), content);
  });
  const noise = fc.uint8Array({ minLength: 1, maxLength: 2000 })
    .map((bytes) => new Uint8Array(bytes));
  return fc.record({
    bytes: fc.oneof({ weight: 20, arbitrary: whole }, noise),
    pieces: fc.oneof({ weight: 10, arbitrary: fc.constant(1) }, fc.integer({ min: 2, max: 5 })),
    share: fc.oneof(
      { weight: 10, arbitrary: fc.constant(1) },
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
  });
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
