import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { Dialect } from "./dialect.ts";

/** Who may call a route: `none` is everyone, the others are roles of the caller's token or key. */
export type Role = "none" | "client" | "operator" | "pool" | "worker";

/** One route of a daemon, described once for the server, the client, the tests and OpenAPI. */
export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** OpenAPI style: `/v2/tasks/{id}`. */
  readonly path: string;
  readonly summary: string;
  readonly tag: string;
  /** The API that the route belongs to. It decides the shape of errors. Absent: llorch's own. */
  readonly dialect?: Dialect;
  /** The API that a call with this header belongs to instead; it decides the shape of errors. */
  readonly otherDialect?: { readonly header: string; readonly dialect: Dialect };
  readonly role: Role;
  /**
   * Pages of other sites may call it, if they send a key or orchestratord's `cors.origins` lists them. Only
   * for inference. A field, not derived from dialect and role, so that no new route is open to pages unless
   * somebody says so.
   */
  readonly pages?: true;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly headers?: z.ZodObject;
  /** If it accepts undefined, callers may leave out the body and its content type. */
  readonly body?: z.ZodType;
  /** Fields of a body of `multipart/form-data`, for OpenAPI: the handler reads and checks it itself. */
  readonly form?: z.ZodObject;
  /** Its body may have images, which have a limit of their own. */
  readonly images?: true;
  /** The body is JSON whatever its content type says: clients such as `curl -d` send another one. */
  readonly anyContentType?: true;
  /**
   * Names of fields of the body that hold the caller's own JSON: in their objects and lists, numbers
   * keep their digits (`shared/exact_json.ts`).
   */
  readonly exact?: readonly string[];
  /** Status of success. */
  readonly status: 200 | 202;
  /** When success is 204 without a body, as text for OpenAPI; absent: never. */
  readonly empty?: string;
  /** The JSON body of a success; absent for `text` and `stream` routes. */
  readonly reply?: z.ZodType;
  /** `maybe-stream`: JSON or a stream, as the caller asks. */
  readonly kind: "json" | "stream" | "maybe-stream" | "text";
  /** Content types of a text that is no JSON; absent: plain text of a `text` route. */
  readonly types?: readonly string[];
  /** An event of a stream: in llorch's own dialect its name and data, in others only its data. */
  readonly event?: z.ZodType;
  /** Content type of a stream; absent: `text/event-stream`. */
  readonly streamType?: string;
  /** Error codes of this route besides those of every route (`INVALID_REQUEST`, …). */
  readonly errors: readonly ErrorCode[];
}

/** Checks that a value is a route, and keeps its exact type. */
export function defineRoute<const R extends Route>(route: R): R {
  return route;
}

type Out<T> = T extends z.ZodType ? z.output<T> : undefined;
type In<T> = T extends z.ZodType ? z.input<T> : undefined;

/** Validated input of a handler of the route. */
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

/** Input of a caller of the route. */
export type RouteCall<R extends Route> =
  & RequiredPart<"params", R["params"]>
  & OptionalPart<"query", R["query"]>
  & OptionalPart<"headers", R["headers"]>
  & RequiredPart<"body", R["body"]>;

/** The JSON reply of the route, as a handler returns it. */
export type RouteReply<R extends Route> = In<R["reply"]>;

/** The JSON reply of the route, as a caller gets it. */
export type RouteResult<R extends Route> = Out<R["reply"]>;
