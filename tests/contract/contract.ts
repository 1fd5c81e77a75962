/**
 * Calls routes with plain `fetch`, without our client, and checks every reply against the contract.
 *
 * @module
 */
import assert from "node:assert/strict";
import { errorBody, openaiErrorBody, OWN_CODES, type Route } from "#shared/contracts/mod.ts";
import { ERROR_CODES, type ErrorCode } from "#shared/errors.ts";
import { openApiDocument } from "#shared/http/openapi.ts";

/** A valid task. */
export const TASK = { model: "counter", prompt: "w7", max_tokens: 5, temperature: 0 };

/** A call, with its expected result. */
export interface Case {
  readonly route: Route;
  readonly params?: Record<string, string>;
  readonly query?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Expected error code; absent: success. */
  readonly error?: ErrorCode;
  /** Fields that `details.errors` must name. */
  readonly fields?: readonly string[];
}

/** Error codes that any route may return, in addition to those of its descriptor. */
const ANY_ROUTE: readonly ErrorCode[] = [
  "INVALID_REQUEST",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "RATE_LIMITED",
  "METHOD_NOT_ALLOWED",
  "PAYLOAD_TOO_LARGE",
  "UNSUPPORTED_MEDIA_TYPE",
];

/** Sends a call, with `token` as bearer token. */
export async function send(base: string, call: Case, token?: string): Promise<Response> {
  const path = call.route.path.replace(
    /\{(\w+)\}/g,
    (_, name: string) => encodeURIComponent(call.params?.[name] ?? "x"),
  );
  const headers = new Headers(call.headers);
  if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
  if (call.body !== undefined && !headers.has("content-type")) {
    headers.set("content-type", "application/json");
  }
  return await fetch(base + path + (call.query ?? ""), {
    method: call.route.method,
    headers,
    ...(call.body === undefined
      ? {}
      : { body: typeof call.body === "string" ? call.body : JSON.stringify(call.body) }),
  });
}

/** Sends a call and checks status, headers and body against its route. */
export async function check(base: string, call: Case, token?: string): Promise<unknown> {
  const name = `${call.route.method} ${call.route.path} → ${call.error ?? call.route.status}`;
  const reply = await send(base, call, token);
  const text = await reply.text();
  assert.ok(reply.headers.get("x-correlation-id"), `${name}: no correlation id`);
  assertDocumented(call.route, reply);
  if (call.error !== undefined) {
    assert.equal(reply.status, ERROR_CODES[call.error].status, `${name}: ${text}`);
    const allowed = [...ANY_ROUTE, ...call.route.errors];
    assert.ok(allowed.includes(call.error), `${name}: the descriptor does not list it`);
    return checkError(name, call, JSON.parse(text));
  }
  if (reply.status === 204) {
    assert.ok(call.route.empty, `${name}: 204`);
    return assert.equal(text, "", name);
  }
  const type = reply.headers.get("content-type") ?? "";
  const isStream = type.startsWith(call.route.streamType ?? "text/event-stream");
  assert.equal(reply.status, isStream ? 200 : call.route.status, `${name}: ${text}`);
  if (isStream || call.route.kind === "text") return text;
  assert.ok(call.route.reply, name);
  const parsed = call.route.reply.safeParse(JSON.parse(text));
  assert.ok(parsed.success, `${name}: ${parsed.error?.message}\n${text}`);
  return parsed.data;
}

/** Replies of a route in the OpenAPI document, by status. */
type Documented = Record<string, { headers?: object; content?: Record<string, unknown> }>;

/** Checks that the OpenAPI document has a reply's status, its content type and its Retry-After. */
export function assertDocumented(route: Route, reply: Response): void {
  const { paths } = openApiDocument("contract", [route]) as {
    paths: Record<string, Record<string, { responses: Documented }>>;
  };
  const { responses } = paths[route.path]![route.method.toLowerCase()]!;
  const name = `${route.method} ${route.path} → ${reply.status}`;
  const documented = responses[reply.status];
  assert.ok(documented, `${name} is not documented`);
  const type = reply.headers.get("content-type")?.split(";")[0];
  const types = Object.keys(documented.content ?? {});
  if (type === undefined) assert.deepEqual(types, [], `${name}: no content type`);
  else assert.ok(types.includes(type), `${name}: ${type} is not documented`);
  if (reply.headers.has("retry-after")) {
    assert.ok("Retry-After" in (documented.headers ?? {}), `${name}: Retry-After`);
  }
}

function checkError(name: string, call: Case, body: unknown): unknown {
  if (call.route.dialect?.name === "openai") {
    const { error } = openaiErrorBody.parse(body);
    assert.equal(OWN_CODES.get(error.code), call.error, name);
    if (call.fields) assert.equal(error.param, call.fields[0], name);
    return error;
  }
  const { dialect } = call.route;
  if (dialect) {
    assert.equal(dialect.readError(body)?.code, call.error, name);
    return;
  }
  const { error } = errorBody.parse(body);
  assert.equal(error.code, call.error, name);
  assert.equal(error.retriable, ERROR_CODES[error.code].retriable, name);
  if (call.fields) {
    const named = (error.details?.["errors"] as { field: string }[]).map((each) => each.field);
    assert.deepEqual(named.sort(), [...call.fields].sort(), name);
  }
  return error;
}
