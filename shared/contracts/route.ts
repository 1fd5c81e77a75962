import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { Dialect } from "./dialect.ts";

/** Who may call a route: `none` is open, the others are roles of an API key. */
export type Role = "none" | "client" | "operator" | "pool" | "worker";

/** One route of a daemon, described once for the server, the client, the tests and OpenAPI. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** OpenAPI style: `/v2/tasks/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** Whose API the route belongs to, which decides the shape of its errors; absent: llorch's own. */
  readonly dialect?: Dialect;
  readonly role: Role;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** One that takes undefined may be left out by callers, with its content type. */
  readonly body?: z.ZodType;
  /** Status of success. */
  readonly status: 200 | 202;
  /** When success is 204 without a body instead; absent: never. */
  readonly empty?: string;
  /** The JSON body of success; absent for `text` and `stream` routes. */
  readonly reply?: z.ZodType;
  /** `stream`: always a stream; `maybe-stream`: JSON or a stream, as the caller asks; `text`: plain text. */
  readonly kind: "json" | "stream" | "maybe-stream" | "text";
  /** Content types of a `text` route; absent: plain text. */
  readonly types?: readonly string[];
  /** Each event of a stream: its name and data together, or in another dialect its data alone. */
  readonly event?: z.ZodType;
  /** Content type of a stream; absent: `text/event-stream`. */
  readonly streamType?: string;
  /** Codes that this route answers beside those that any route may (`INVALID_REQUEST`, …). */
  readonly errors: readonly ErrorCode[];
}

/** Keeps a route's exact types while checking that it is one. */
export function defineRoute<const R extends Route>(route: R): R {
  return route;
}

type Out<T> = T extends z.ZodType ? z.output<T> : undefined;
type In<T> = T extends z.ZodType ? z.input<T> : undefined;

/** What a handler of the route receives, validated. */
export interface RouteInput<R extends Route> {
  readonly params: Out<R["params"]>;
  readonly query: Out<R["query"]>;
  readonly headers: Out<R["headers"]>;
  readonly body: Out<R["body"]>;
}

type RequiredPart<K extends string, T> = T extends z.ZodType
  ? undefined extends z.input<T> ? { readonly [P in K]?: z.input<T> }
  : { readonly [P in K]: z.input<T> }
  : unknown;
type OptionalPart<K extends string, T> = T extends z.ZodType ? { readonly [P in K]?: z.input<T> }
  : unknown;

/** What a caller of the route hands in. */
export type RouteCall<R extends Route> =
  & RequiredPart<"params", R["params"]>
  & OptionalPart<"query", R["query"]>
  & OptionalPart<"headers", R["headers"]>
  & RequiredPart<"body", R["body"]>;

/** The JSON reply of the route, as a handler gives it. */
export type RouteReply<R extends Route> = In<R["reply"]>;

/** The JSON reply of the route, as a caller gets it. */
export type RouteResult<R extends Route> = Out<R["reply"]>;
