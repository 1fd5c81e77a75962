import { defined } from "#shared/json.ts";
import { LlorchError } from "#shared/errors.ts";
import {
  certificateFix,
  type Client,
  ForeignReplyError,
  TransportError,
} from "#shared/http/client.ts";
import type { DaemonKind } from "./kind.ts";

/** A daemon that does not answer, or not as the contract says. */
export class UnreachableError extends LlorchError {
  /** Whether a program that is not of llorch answered. */
  readonly isForeign: boolean;

  constructor(message: string, options: ErrorOptions & { readonly isForeign: boolean }) {
    super("NOT_READY", message, options);
    this.name = "UnreachableError";
    this.isForeign = options.isForeign;
  }
}

/**
 * A client whose errors are whole sentences for the person at the terminal: what failed and what to
 * do. Errors while a stream is read come as they are.
 */
export function explaining(client: Client, kind: DaemonKind): Client {
  const explain = (error: unknown): never => {
    throw explainFailure(error, kind, client.baseUrl);
  };
  return {
    baseUrl: client.baseUrl,
    call: (route, input, options) => client.call(route, input, options).catch(explain),
    text: (route, input, options) => client.text(route, input, options).catch(explain),
    stream: (route, input, options) => client.stream(route, input, options).catch(explain),
  };
}

/** Adds to an error of a call to a daemon what to do about it. */
export function explainFailure(error: unknown, kind: DaemonKind, url: string): unknown {
  if (error instanceof ForeignReplyError) {
    return new UnreachableError(
      `Something that is not ${kind.executable} answers at ${url}: ${error.message}; ` +
        "give the right address with --url",
      { cause: error, isForeign: true },
    );
  }
  if (error instanceof TransportError) {
    const certificate = certificateReason(error);
    const message = certificate === undefined
      ? `${kind.executable} does not answer at ${url}: ${transportReason(error)}; ` +
        `start it with llorch ${kind.group} start, or give its address with --url`
      : `Cannot trust ${kind.executable} at ${url}: ${certificate}; ` +
        (certificateFix(certificate) ??
          "set LLORCH_CA_FILE to a file with the authority that signed it, or use " +
            `llorch config set ${kind.section}.ca_file FILE`);
    return new UnreachableError(message, { cause: error, isForeign: false });
  }
  if (!(error instanceof LlorchError)) return error;
  const hint = hintOf(error, kind);
  if (hint === undefined) return error;
  const { code, message, details, retryAfterMs, retriable } = error;
  return new LlorchError(code, `${message}; ${hint}`, {
    cause: error,
    retriable,
    ...defined({ details, retryAfterMs }),
  });
}

function hintOf(
  { code, message, retryAfterMs }: LlorchError,
  kind: DaemonKind,
): string | undefined {
  if (code === "UNAUTHORIZED" || code === "FORBIDDEN") {
    return `set LLORCH_API_TOKEN, or ${kind.section}.token_file with llorch config set`;
  }
  if (code === "NOT_FOUND" && /^Cannot find (job|worker) /.test(message)) {
    return kind.section === "pool"
      ? "llorch worker list shows them"
      : "llorch orchestrator jobs list shows them";
  }
  if (code === "CONTEXT_LENGTH_EXCEEDED") return CONTEXT_HINT;
  return retryAfterMs === undefined ? undefined : retryHint(retryAfterMs);
}

/** What to do about a prompt that is too long. */
export const CONTEXT_HINT =
  "shorten the prompt, or start a worker with more tokens per slot (llorch worker start --context)";

/** `try again in 2 s`. */
export function retryHint(retryAfterMs: number): string {
  return `try again in ${Math.max(1, Math.ceil(retryAfterMs / 1000))} s`;
}

/** Why the daemon's certificate is not trusted: `invalid peer certificate: UnknownIssuer`. */
function certificateReason(error: TransportError): string | undefined {
  return /invalid peer certificate: [^;]*/.exec(error.message)?.[0];
}

/** The innermost cause of a transport error: `Connection refused`. */
function transportReason(error: TransportError): string {
  if (!error.message.startsWith("Cannot reach ")) return error.message;
  let deepest: Error = error;
  while (deepest.cause instanceof Error) deepest = deepest.cause;
  return deepest.message.split(": ").at(-1)!.replace(/ \(os error \d+\).*$/s, "");
}
