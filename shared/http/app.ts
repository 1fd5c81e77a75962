import { type Context, Hono } from "@hono/hono";
import type { z } from "zod";
import type { KeyLimits, KeyRole } from "../contracts/keys.ts";
import type { Role, Route, RouteInput, RouteReply } from "../contracts/route.ts";
import { fieldErrors } from "../config/field_errors.ts";
import { HEADERS, MAX_HEADER_BYTES } from "../defaults.ts";
import { ERROR_CODES, type FieldError, invalidRequest, LlorchError } from "../errors.ts";
import { toLlorchError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { traced } from "../tracing.ts";
import { type BodyLimits, readJsonBody } from "./body.ts";
import { openApiDocument } from "./openapi.ts";

/** What a handler knows about its call. */
export interface Call<R extends Route> extends RouteInput<R> {
  readonly request: Request;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  readonly correlationId: string;
  /** Whose API key was sent; undefined for the token that the daemons share, and where all is open. */
  readonly caller: Caller | undefined;
  readonly log: Logger;
}

/** Who calls, by the API key that was sent. */
export interface Caller {
  readonly keyId: string;
  readonly name: string;
  readonly role: KeyRole;
  /** The key's own bounds. */
  readonly limits: KeyLimits;
}

/** Answers one route: the JSON reply of the contract, or a whole `Response` (streams, text). */
export type Handler<R extends Route> = (
  call: Call<R>,
) => RouteReply<R> | Response | Promise<RouteReply<R> | Response>;

/**
 * Decides whether a caller may use a route, and says who it is; throws `UNAUTHORIZED`, `FORBIDDEN` or
 * `RATE_LIMITED`.
 */
export type Authorize = (
  request: Request,
  role: Role,
) => Caller | undefined | Promise<Caller | undefined>;

/** What {@linkcode createApp} needs. */
export interface AppOptions {
  /** Name of the daemon, for OpenAPI. */
  readonly title: string;
  readonly log: Logger;
  readonly authorize: Authorize;
  readonly limits?: BodyLimits & { readonly maxHeaderBytes?: number };
  /** What of an error's words and details a caller may see; by default all. */
  readonly showError?: (error: LlorchError, caller: Caller | undefined) => LlorchError;
  /** Counts each reply by route pattern, never by path. */
  readonly onReply?: (route: Route, status: number, seconds: number) => void;
}

/** An HTTP application made of contract routes. */
export interface App {
  /** Adds a route with its handler. */
  mount<R extends Route>(route: R, handler: Handler<NoInfer<R>>): void;
  /** Answers one request; needs no port. */
  fetch(request: Request): Promise<Response>;
  /** Every mounted route. */
  readonly routes: readonly Route[];
  /** The OpenAPI 3.1 document of the mounted routes. */
  openapi(): Record<string, unknown>;
}

/** Browsers take a reply for what it says that it is: words of a model never become a page. */
const NOSNIFF = ["x-content-type-options", "nosniff"] as const;

/** When to try again where nobody measured it, in milliseconds. */
const RETRY_AFTER_MS = 1000;

/** Builds an application: correlation id, authorisation, validation and errors in one place. */
export function createApp(options: AppOptions): App {
  const hono = new Hono();
  const routes: Route[] = [];

  async function answer<R extends Route>(
    route: R,
    handler: Handler<R>,
    context: Context,
  ): Promise<Response> {
    const request = context.req.raw;
    const started = performance.now();
    const correlationId = correlationIdOf(request);
    let response: Response;
    let caller: Caller | undefined;
    try {
      caller = await options.authorize(request, route.role);
      const input = await validate(route, context, options.limits);
      const call: Call<R> = {
        ...(input as RouteInput<R>),
        request,
        signal: request.signal,
        correlationId,
        caller,
        log: options.log.with({ correlation_id: correlationId }),
      };
      const reply = await handler(call);
      response = reply instanceof Response ? reply : Response.json(reply, { status: route.status });
    } catch (error) {
      const shown = error instanceof LlorchError
        ? options.showError?.(error, caller) ?? error
        : error;
      response = renderError(shown, request, correlationId, options.log);
    }
    response.headers.set(HEADERS.correlationId, correlationId);
    response.headers.set(...NOSNIFF);
    options.onReply?.(route, response.status, (performance.now() - started) / 1000);
    return response;
  }

  hono.notFound((context) => {
    const request = context.req.raw;
    const correlationId = correlationIdOf(request);
    const path = pathOf(request);
    const allowed = routes.filter((route) => pathPattern(route.path).test(path));
    const error = allowed.length === 0
      ? new LlorchError("NOT_FOUND", `Cannot find ${path}: /openapi.json lists every route`)
      : new LlorchError("METHOD_NOT_ALLOWED", `Cannot ${request.method} ${path}`);
    const response = renderError(error, request, correlationId, options.log);
    if (allowed.length > 0) response.headers.set("allow", allowed.map((r) => r.method).join(", "));
    response.headers.set(HEADERS.correlationId, correlationId);
    return response;
  });

  return {
    routes,
    mount(route, handler) {
      routes.push(route);
      const path = route.path.replace(
        /\{(\w+)\}/g,
        route.path.endsWith("}") ? ":$1{(?:.|\\s)+}" : ":$1",
      );
      const name = `${route.method} ${route.path}`;
      hono.on(
        route.method,
        path,
        (context) => traced(name, context.req.raw.headers, () => answer(route, handler, context)),
      );
    },
    async fetch(request) {
      const refusal = refuse(request, options.limits?.maxHeaderBytes ?? MAX_HEADER_BYTES);
      if (refusal) return renderError(refusal, request, correlationIdOf(request), options.log);
      return await hono.fetch(request);
    },
    openapi: () => openApiDocument(options.title, routes),
  };
}

/**
 * Renders any error as the reply that the contract promises: OpenAI's envelope under `/v1`, ours
 * elsewhere. The one place where errors become HTTP.
 */
export function renderError(
  thrown: unknown,
  request: Request,
  correlationId: string,
  log: Logger,
): Response {
  const error = toLlorchError(thrown);
  if (error.code === "INTERNAL") {
    log.error("request_failed", {
      correlation_id: correlationId,
      method: request.method,
      path: pathOf(request),
      error: error.cause,
    });
  }
  return errorResponse(error, request, correlationId);
}

/** An error as a reply. */
export function errorResponse(
  error: LlorchError,
  request: Request,
  correlationId: string,
): Response {
  const headers = new Headers([[HEADERS.correlationId, correlationId], [...NOSNIFF]]);
  const retryAfterMs = error.retryAfterMs ?? (error.retriable ? RETRY_AFTER_MS : undefined);
  if (retryAfterMs !== undefined) {
    headers.set("retry-after", String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  }
  if (error.code === "UNAUTHORIZED") headers.set("www-authenticate", "Bearer");
  const isOpenAi = pathOf(request).startsWith("/v1/");
  // OpenAI's clients would else try again after any 409 or 5xx.
  if (isOpenAi) headers.set("x-should-retry", String(error.retriable));
  const body = isOpenAi ? openAiBody(error) : ownBody(error, correlationId);
  return Response.json(body, { status: error.status, headers });
}

/** What of a request is wrong before its route is looked for. */
function refuse(request: Request, maxHeaderBytes: number): LlorchError | undefined {
  if (URL.parse(request.url) === null) {
    return new LlorchError("INVALID_REQUEST", "Cannot read the request's Host or path as a URL");
  }
  let size = request.url.length;
  for (const [name, value] of request.headers) size += name.length + value.length + 4;
  if (size <= maxHeaderBytes) return undefined;
  return new LlorchError(
    "HEADERS_TOO_LARGE",
    `Cannot take a URL and headers of more than ${maxHeaderBytes} bytes together`,
  );
}

/** The path of a request; empty where its URL is none. */
function pathOf(request: Request): string {
  return URL.parse(request.url)?.pathname ?? "";
}

function ownBody(error: LlorchError, correlationId: string): unknown {
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.details === undefined ? {} : { details: error.details }),
      retriable: error.retriable,
      ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
      correlation_id: correlationId,
    },
  };
}

/** OpenAI's error envelope; `param` is the first wrong field, null where it is the body as a whole. */
export function openAiBody(error: LlorchError): unknown {
  const fields = error.details?.["errors"] as readonly FieldError[] | undefined;
  return {
    error: {
      message: error.message,
      type: ERROR_CODES[error.code].openaiType,
      param: fields?.[0]?.field || null,
      code: error.code,
    },
  };
}

/** A caller's correlation id where it is harmless to echo, else a new one. */
function correlationIdOf(request: Request): string {
  const given = request.headers.get(HEADERS.correlationId);
  return given !== null && /^[A-Za-z0-9-]{1,64}$/.test(given) ? given : crypto.randomUUID();
}

function pathPattern(path: string): RegExp {
  const source = path.split(/\{\w+\}/).map((part) => part.replace(/[.]/g, "\\$&")).join("[^/]+");
  return new RegExp(`^${path.endsWith("}") ? source.replace(/\[\^\/\]\+$/, "[^]+") : source}$`);
}

async function validate(
  route: Route,
  context: Context,
  limits: BodyLimits | undefined,
): Promise<RouteInput<Route>> {
  const request = context.req.raw;
  const errors: FieldError[] = [];
  const check = (schema: z.ZodType | undefined, value: unknown): unknown => {
    if (!schema) return undefined;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    errors.push(...fieldErrors(parsed.error));
    return undefined;
  };
  const params = check(route.params, context.req.param());
  const query = check(route.query, context.req.query());
  const headers = check(route.headers, context.req.header());
  const body = route.body
    ? check(route.body, isLeftOut(route, request) ? undefined : await readJsonBody(request, limits))
    : undefined;
  if (errors.length > 0) throw invalidRequest(errors);
  return { params, query, headers, body } as unknown as RouteInput<Route>;
}

/** Whether there is no body where none is needed. */
function isLeftOut({ body }: Route, { headers }: Request): boolean {
  if (headers.has("content-type") || headers.has("transfer-encoding")) return false;
  return (headers.get("content-length") ?? "0") === "0" &&
    body?.safeParse(undefined).success === true;
}
