import { OpenAPIHono } from "@hono/zod-openapi";
import { z } from "zod";
import { ownDialect } from "../contracts/dialect.ts";
import type { Route } from "../contracts/route.ts";
import { ERROR_CODES, type ErrorCode } from "../errors.ts";
import { defined } from "../json.ts";
import { VERSION } from "../version.ts";

/** Error codes of every route. */
const COMMON: readonly ErrorCode[] = ["INVALID_REQUEST", "HEADERS_TOO_LARGE", "INTERNAL"];

const RETRY_AFTER = {
  "Retry-After": {
    description: "Seconds to wait before trying again",
    schema: { type: "integer" as const, minimum: 1 },
  },
};

/** Makes the OpenAPI 3.1 document of some routes from their schemas. */
export function openApiDocument(title: string, routes: readonly Route[]): Record<string, unknown> {
  const app = new OpenAPIHono();
  const { openAPIRegistry } = app;
  openAPIRegistry.registerComponent("securitySchemes", "bearer", {
    type: "http",
    scheme: "bearer",
  });
  for (const route of routes) {
    openAPIRegistry.registerPath({
      method: route.method.toLowerCase() as "get" | "post" | "delete",
      path: route.path,
      summary: route.summary,
      tags: [route.tag],
      security: route.role === "none" ? [] : [{ bearer: [] }],
      request: {
        ...defined({ params: route.params, query: route.query, headers: route.headers }),
        ...(route.body
          ? {
            body: {
              required: !route.body.safeParse(undefined).success,
              content: { "application/json": { schema: route.body } },
            },
          }
          : {}),
        ...(route.form
          ? { body: { required: true, content: { "multipart/form-data": { schema: route.form } } } }
          : {}),
      },
      responses: { ...successes(route), ...failures(route) },
    });
  }
  const document = app.getOpenAPI31Document({
    openapi: "3.1.0",
    info: { title, version: VERSION, license: { name: "Apache-2.0" } },
  }) as unknown as Record<string, unknown>;
  asSent(document["paths"]);
  return document;
}

/**
 * Describes each stream as a reader of `text/event-stream` gets it: the data of an event is text,
 * which is JSON; `x-event` describes its value.
 */
function asSent(node: unknown): void {
  if (typeof node !== "object" || node === null) return;
  for (const [key, value] of Object.entries(node)) {
    if (key !== "text/event-stream") asSent(value);
    else {
      value.schema = {
        type: "object",
        required: ["data"],
        properties: { event: { type: "string" }, id: { type: "string" }, data: { type: "string" } },
        description: "`data` is JSON text; `x-event` describes the event with that JSON parsed",
        "x-event": value.schema,
      };
    }
  }
}

/** Successful replies by status; a stream is always 200, also where the JSON reply is 202. */
function successes(route: Route) {
  const types = route.types ?? (route.kind === "text" ? ["text/plain"] : []);
  const text = { schema: { type: "string" as const } };
  const whole = {
    ...Object.fromEntries(types.map((type) => [type, text])),
    ...(route.reply ? { "application/json": { schema: route.reply } } : {}),
  };
  const { streamType = "text/event-stream" } = route;
  const stream = route.event ? { [streamType]: { schema: route.event } } : {};
  const streamed = streamType === "text/event-stream" ? "Server-sent events" : "A stream";
  const isOne = route.status === 200;
  return {
    [route.status]: {
      description: route.kind === "stream" ? streamed : "Success",
      content: { ...whole, ...(isOne ? stream : {}) },
    },
    ...(route.event && !isOne ? { 200: { description: streamed, content: stream } } : {}),
    ...(route.empty === undefined ? {} : { 204: { description: route.empty } }),
  };
}

function failures(route: Route) {
  const codes = [...COMMON, ...route.errors];
  if (route.role !== "none") codes.push("UNAUTHORIZED", "FORBIDDEN");
  if (route.role === "client" || route.role === "operator") codes.push("RATE_LIMITED");
  if (route.body || route.form) codes.push("PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE");
  const { errorBody } = route.dialect ?? ownDialect;
  const { otherDialect: other } = route;
  const schema = other ? z.union([errorBody, other.dialect.errorBody]) : errorBody;
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of codes) {
    const { status } = ERROR_CODES[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, list]) => [status, {
      description: list.join(", "),
      ...(list.some((code) => ERROR_CODES[code].retriable) ? { headers: RETRY_AFTER } : {}),
      content: { "application/json": { schema } },
    }]),
  );
}
