import { Hono } from "@hono/hono";
import { getPath } from "@hono/hono/utils/url";
import type { z } from "zod";
import type { KeyLimits, KeyRole } from "../contracts/keys.ts";
import type { Dialect } from "../contracts/dialect.ts";
import type { Route, RouteInput, RouteReply } from "../contracts/route.ts";
import { checked } from "../config/field_errors.ts";
import { HEADERS, MAX_BODY_BYTES } from "../defaults.ts";
import { type FieldError, invalidRequest, LlorchError, toLlorchError } from "../errors.ts";
import type { Logger } from "../logging.ts";
import { traced } from "../tracing.ts";
import { type BodyLimits, readJsonBody } from "./body.ts";
import { discard } from "./discard.ts";
import { dialectAt, pathPattern, routesNear } from "./dialect_at.ts";
import { errorReply, NOSNIFF } from "./error_reply.ts";
import { checkTexts, type LargeBody, withEnd } from "./large_bodies.ts";
import { isPreflight, markForPage, preflightReply } from "./pages.ts";
import { WholeResponse } from "./whole_response.ts";

/** A validated call, as its handler gets it. */
export interface Call<R extends Route> extends RouteInput<R> {
  /** The body as the client wrote it, without defaults; undefined if there is none. */
  readonly given: unknown;
  readonly request: Request;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  readonly correlationId: string;
  /** The API key's holder; undefined for the daemons' shared token, and without authentication. */
  readonly caller: Caller | undefined;
  readonly log: Logger;
  /** Room for a body that is larger than usual because of its images; undefined if it is not. */
  readonly large: LargeBody | undefined;
}

/** The holder of the API key of a request. */
export interface Caller {
  readonly keyId: string;
  readonly name: string;
  readonly role: KeyRole;
  /** The key's own limits. */
  readonly limits: KeyLimits;
}

/** Answers one route: the JSON reply of the contract, or a whole `Response` (streams, text). */
export type Handler<R extends Route> = (
  call: Call<R>,
) => RouteReply<R> | Response | Promise<RouteReply<R> | Response>;

/**
 * Returns the caller if it may use the route; undefined if it has no API key of its own.
 *
 * @throws {LlorchError} `UNAUTHORIZED`, `FORBIDDEN` or `RATE_LIMITED`
 */
export type Authorize = (
  request: Request,
  route: Route,
) => Caller | undefined | Promise<Caller | undefined>;

/** Dependencies of {@linkcode createApp}. */
export interface AppOptions {
  /** Name of the daemon, for OpenAPI. */
  readonly title: string;
  readonly log: Logger;
  readonly authorize: Authorize;
  readonly limits?: BodyLimits;
  /** Removes from an error what a caller may not see; by default nothing. */
  readonly showError?: (error: LlorchError, caller: Caller | undefined) => LlorchError;
  /**
   * Whether the page that makes a call of a route for pages may read the answer, also if the call is
   * refused. Asked after `authorize`; by default no page may.
   */
  readonly mayRead?: (request: Request) => boolean;
  /** The path that a request means; by default its own. */
  readonly meantPath?: (path: string) => string;
  /** Called for each reply, to count it by the route's pattern. */
  readonly onReply?: (route: Route, status: number, seconds: number) => void;
}

/** An HTTP application made of contract routes. */
export interface App {
  /** Adds a route with its handler. */
  mount<R extends Route>(route: R, handler: Handler<NoInfer<R>>): void;
  /** Answers one request; needs no port. */
  fetch(request: Request): Promise<Response>;
  /** Replies to a request that was refused before {@linkcode fetch}, in its path's dialect. */
  refuse(request: Request, error: LlorchError): Response;
  /** Every mounted route. */
  readonly routes: readonly Route[];
  /** The OpenAPI 3.1 document of the mounted routes. */
  openapi(): Promise<Record<string, unknown>>;
}

/** Reads the parts of a request's URL that its route has schemas for. */
interface UrlParts {
  param(): Record<string, string>;
  query(): Record<string, string>;
}

/** A URL without parameters and query. */
const BARE_URL: UrlParts = { param: () => ({}), query: () => ({}) };

/** Builds an application that does correlation ids, authorisation, validation and errors. */
export function createApp(options: AppOptions): App {
  const { meantPath = (path) => path, mayRead = () => false } = options;
  /** The path of a request; empty if its URL is not valid. */
  const pathOf = (request: Request) => meantPath(URL.parse(request.url)?.pathname ?? "");
  const hono = new Hono({ getPath: (request) => meantPath(getPath(request)) });
  const routes: Route[] = [];
  /** The routes whose path is always the same, by method and path: calls without a query need no router. */
  const direct = new Map<string, (request: Request) => Promise<Response>>();
  /** Of the last request whose URL was parsed, with the slash after it: those that begin so are URLs too. */
  let lastOrigin = "none";
  const routesAt = (path: string) => routes.filter((route) => pathPattern(route.path).test(path));

  /** The routes for pages at a path; at one without a route those near it, whose clients may try it. */
  const forPagesAt = (path: string) => {
    const there = routesAt(path);
    return (there.length > 0 ? there : routesNear(routes, path)).filter((route) => route.pages);
  };

  /** Makes an error reply of anything thrown; logs the cause of an internal error. */
  function fail(
    thrown: unknown,
    request: Request,
    correlationId: string,
    dialect: Dialect | undefined,
  ): Response {
    const error = toLlorchError(thrown);
    if (error.code === "INTERNAL") {
      options.log.error("request_failed", {
        correlation_id: correlationId,
        method: request.method,
        path: pathOf(request),
        error: error.cause,
      });
    }
    return errorReply(error, correlationId, dialect);
  }

  async function answer<R extends Route>(
    route: R,
    handler: Handler<R>,
    request: Request,
    url: UrlParts,
  ): Promise<Response> {
    const started = performance.now();
    const correlationId = correlationIdOf(request);
    let response: Response;
    let caller: Caller | undefined;
    let large: LargeBody | undefined;
    try {
      caller = await options.authorize(request, route);
      large = largeBodyOf(route, request, options.limits);
      const input = await validate(route, request, url, options.limits, large);
      const call: Call<R> = {
        ...(input as Validated<R>),
        request,
        signal: request.signal,
        correlationId,
        caller,
        large,
        log: options.log.with({ correlation_id: correlationId }),
      };
      const reply = await handler(call);
      response = reply instanceof Response
        ? reply
        : WholeResponse.json(reply, { status: route.status });
    } catch (error) {
      // Its sender must get to read the reply.
      if (request.body && !request.bodyUsed && !request.body.locked) {
        await discard(request.body.getReader());
      }
      const shown = error instanceof LlorchError
        ? options.showError?.(error, caller) ?? error
        : error;
      response = fail(shown, request, correlationId, dialectOf(route, request));
    }
    if (large) response = withEnd(response, large.giveBack);
    setIds(response.headers, correlationId);
    response.headers.set(...NOSNIFF);
    if (route.pages) markForPage(response, request, () => mayRead(request));
    options.onReply?.(route, response.status, (performance.now() - started) / 1000);
    return response;
  }

  hono.notFound((context) => {
    const request = context.req.raw;
    const correlationId = correlationIdOf(request);
    const path = pathOf(request);
    const allowed = routesAt(path);
    const forPages = forPagesAt(path);
    if (forPages.length > 0 && isPreflight(request)) {
      const reply = preflightReply(request, forPages);
      setIds(reply.headers, correlationId);
      return reply;
    }
    const error = allowed.length === 0
      ? new LlorchError("NOT_FOUND", `Cannot find ${path}: /openapi.json lists every route`)
      : new LlorchError("METHOD_NOT_ALLOWED", `Cannot ${request.method} ${path}`);
    const dialect = allowed.length > 0 ? allowed[0]!.dialect : dialectAt(routes, path);
    const response = fail(error, request, correlationId, dialect);
    if (allowed.length > 0) response.headers.set("allow", allowed.map((r) => r.method).join(", "));
    setIds(response.headers, correlationId);
    if (forPages.length > 0) markForPage(response, request, () => mayRead(request));
    return response;
  });

  function refuseRequest(request: Request, error: LlorchError): Response {
    const path = pathOf(request);
    const response = fail(error, request, correlationIdOf(request), dialectAt(routes, path));
    if (forPagesAt(path).length > 0) markForPage(response, request, () => mayRead(request));
    return response;
  }

  return {
    routes,
    mount(route, handler) {
      routes.push(route);
      const path = route.path.replace(
        /\{(\w+)\}/g,
        route.path.endsWith("}") ? ":$1{(?:.|\\s)+}" : ":$1",
      );
      const name = `${route.method} ${route.path}`;
      const run = (request: Request, url: UrlParts) =>
        traced(name, request.headers, () => answer(route, handler, request, url));
      hono.on(route.method, path, ({ req }) => run(req.raw, req));
      if (!route.path.includes("{") && meantPath(route.path) === route.path) {
        direct.set(`${route.method} ${route.path}`, (request) => run(request, BARE_URL));
      }
    },
    fetch(request) {
      const { method, url } = request;
      const pathAt = url.indexOf("/", "https://".length);
      if (!url.startsWith(lastOrigin)) {
        const refusal = refusalOf(request);
        if (refusal) return Promise.resolve(refuseRequest(request, refusal));
        lastOrigin = url.slice(0, pathAt + 1);
      }
      const call = direct.get(`${method} ${url.slice(pathAt)}`);
      return call ? call(request) : Promise.resolve(hono.fetch(request));
    },
    refuse: refuseRequest,
    async openapi() {
      // What writes the document takes long to load, and few ask for it.
      const { openApiDocument } = await import("./openapi.ts");
      return openApiDocument(options.title, routes);
    },
  };
}

/** The API that a call belongs to. */
function dialectOf({ dialect, otherDialect }: Route, { headers }: Request): Dialect | undefined {
  return otherDialect && headers.has(otherDialect.header) ? otherDialect.dialect : dialect;
}

/** Checks a request before its route is known: undefined if it may go on. */
function refusalOf(request: Request): LlorchError | undefined {
  if (URL.parse(request.url) !== null) return undefined;
  return new LlorchError("INVALID_REQUEST", "Cannot read the request's Host or path as a URL");
}

function setIds(headers: Headers, correlationId: string): void {
  headers.set(HEADERS.correlationId, correlationId);
  headers.set(HEADERS.requestId, correlationId);
}

/** The caller's correlation id if it is safe to echo, otherwise a new one. */
function correlationIdOf(request: Request): string {
  const given = request.headers.get(HEADERS.correlationId) ??
    request.headers.get(HEADERS.requestId);
  return given !== null && /^[A-Za-z0-9-]{1,64}$/.test(given) ? given : crypto.randomUUID();
}

/** The validated input of a call, and its body as it was written. */
type Validated<R extends Route> = RouteInput<R> & Pick<Call<R>, "given">;

/**
 * A body that is larger than usual, on a route with images; undefined if it is not, or does not say its
 * length.
 *
 * @throws {LlorchError} as {@linkcode LargeBodies.begin}
 */
function largeBodyOf(
  { images }: Route,
  { headers }: Request,
  { large, maxBytes = MAX_BODY_BYTES }: BodyLimits = {},
): LargeBody | undefined {
  const bytes = Number(headers.get("content-length") ?? 0);
  return images && large && bytes > maxBytes ? large.begin(bytes) : undefined;
}

async function validate(
  route: Route,
  request: Request,
  url: UrlParts,
  limits: BodyLimits = {},
  large?: LargeBody,
): Promise<Validated<Route>> {
  const errors: FieldError[] = [];
  const check = (schema: z.ZodType, value: unknown): unknown => {
    const result = checked(schema, value);
    if ("data" in result) return result.data;
    errors.push(...result.errors);
    return undefined;
  };
  const params = route.params && check(route.params, url.param());
  const query = route.query && check(route.query, url.query());
  const headers = route.headers && check(route.headers, headersOf(request, route.headers));
  const readBody = async () => {
    if (isLeftOut(route, request)) return undefined;
    if (!large) return await readJsonBody(request, limits, route);
    const { bytes: maxBytes, grow: onBytes } = large;
    const given = await readJsonBody(request, { ...limits, maxBytes, onBytes }, route);
    checkTexts(given, maxBytes, limits.maxBytes ?? MAX_BODY_BYTES);
    return given;
  };
  const given = route.body ? await readBody() : undefined;
  const body = route.body ? check(route.body, given) : undefined;
  if (errors.length > 0) throw invalidRequest(errors);
  return { params, query, headers, body, given } as unknown as Validated<Route>;
}

/** The headers that a schema names. To list all headers of a request costs more than to ask for a few. */
function headersOf({ headers }: Request, { shape }: z.ZodObject): Record<string, string> {
  const given = Object.keys(shape).map((name) => [name, headers.get(name)]);
  return Object.fromEntries(given.filter(([_, value]) => value !== null));
}

/** Whether the request has no body and the route does not need one. */
function isLeftOut({ body }: Route, { headers }: Request): boolean {
  if (headers.has("content-type") || headers.has("transfer-encoding")) return false;
  return (headers.get("content-length") ?? "0") === "0" &&
    body?.safeParse(undefined).success === true;
}
