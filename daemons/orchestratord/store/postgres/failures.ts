import { errorMessage, LlorchError } from "#shared/errors.ts";

/**
 * What an error of a statement means.
 *
 * - `refused`: the statement itself is at fault, such as by a constraint that it breaks.
 * - `failing`: it will fail again until somebody acts, such as on a full disk.
 * - `unknown`: the connection or the server had a problem that may pass. Whether the statement took effect
 *   is not known.
 */
export type FailureKind = "refused" | "failing" | "unknown";

/** Classes of SQLSTATE: data that a type cannot hold, broken constraints, statements that are wrong. */
const REFUSED = /^(2[23]|42(?!501))/;

/** No room (53100), input or output (58), who may connect and do what (28, 3D, 3F, 42501). */
const FAILING = /^(53100|58|28|3D|3F|42501)/;

/** Servers that stand by answer so: another one may take writes. */
const READ_ONLY = "25006";

/** When clients may try again after a refused write, in ms. */
const RETRY_AFTER_MS = 10_000;

/** The SQLSTATE of an error; undefined if it is not PostgreSQL's. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

export function kindOf(error: unknown): FailureKind {
  // Of our own: a write that must not be, or a pool without a free session.
  if (error instanceof LlorchError) return error.code === "NOT_READY" ? "unknown" : "refused";
  const state = sqlState(error) ?? "";
  if (REFUSED.test(state)) return "refused";
  return FAILING.test(state) ? "failing" : "unknown";
}

/** Whether the session cannot be used any more: it is gone, or its server has become read-only. */
export function endsSession(error: unknown): boolean {
  if (error instanceof LlorchError) return false;
  const state = sqlState(error);
  return state === undefined || state === READ_ONLY || /^(08|57P)/.test(state);
}

/** The error for a client whose request needs a database that does not work. */
export function notReady(what: string, cause: unknown): LlorchError {
  return new LlorchError("NOT_READY", `${what}: ${errorMessage(cause)}`, {
    cause: cause instanceof Error ? cause : new Error(String(cause)),
    retryAfterMs: RETRY_AFTER_MS,
  });
}
