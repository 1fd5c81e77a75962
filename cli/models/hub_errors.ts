import { errorMessage, LlorchError } from "#shared/errors.ts";
import type { Hub } from "./hub.ts";

/** Longest wait that a server may ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 300_000;

/** Explains a failed reply of the hub. */
export function statusError({ status, headers }: Response, hub: Hub, url: URL): LlorchError {
  const what = subject(hub, url);
  const page = `${hub.endpoint}/${what}`;
  switch (status) {
    case 401:
      return new LlorchError(
        "UNAUTHORIZED",
        hub.token
          ? `${url.host} does not accept the token for ${what} (401): set HF_TOKEN to a valid one`
          : `${url.host} requires a token for ${what} (401), or there is no such repository: ` +
            "set HF_TOKEN",
      );
    case 403:
      return new LlorchError(
        "FORBIDDEN",
        `${url.host} refuses ${what} (403): accept its terms at ${page} and set HF_TOKEN to ` +
          "a token of that account",
      );
    case 404:
    case 410:
      return new LlorchError("NOT_FOUND", notFound(headers.get("x-error-code"), what, url));
    case 416:
      return fileChanged();
    case 429:
      return new LlorchError(
        "RATE_LIMITED",
        `${url.host} got too many requests (429): try again later, or set HF_TOKEN`,
        retryAfter(headers),
      );
    default:
      return new LlorchError("NOT_READY", `${url.host} answered ${status} for ${what}`, {
        ...retryAfter(headers),
        retriable: status >= 500 || status === 408,
      });
  }
}

/** The error when no reply came. */
export function unreachable(url: URL, error: unknown): LlorchError {
  const reason = errorMessage(error).match(/\(os error \d+\)|dns error|certificate|tls/i);
  const hint = reason ? ` (${causeOf(errorMessage(error))})` : "";
  return new LlorchError(
    "NOT_READY",
    `Cannot reach ${url.host}${hint}: check the network, HTTPS_PROXY and HF_ENDPOINT`,
    { cause: error, retriable: true },
  );
}

/** The error when the file on the server changed while it was read. */
export function fileChanged(): LlorchError {
  return new LlorchError("CONFLICT", "The file on the hub has changed in the meantime: try again", {
    details: { changed: true },
  });
}

/** Whether an error is {@linkcode fileChanged}. */
export function isFileChanged(error: unknown): boolean {
  return error instanceof LlorchError && error.details?.["changed"] === true;
}

/** `org/repo` of a URL of the hub; of any other, its path. */
function subject({ endpoint }: Hub, url: URL): string {
  if (!url.href.startsWith(endpoint)) return "the file";
  const path = url.href.slice(endpoint.length + 1).replace(/^api\/models\//, "");
  return path.split("/").slice(0, 2).join("/").replace(/[?#].*$/, "");
}

function notFound(code: string | null, what: string, url: URL): string {
  if (code === "RevisionNotFound") {
    return `${what} has no such revision (404): check what follows @`;
  }
  if (code === "EntryNotFound") return `${what} has no such file (404): check what follows ::file=`;
  return `${url.host} has no ${what} (404): check organisation, repository, revision and file`;
}

function retryAfter(headers: Headers): { retryAfterMs?: number } {
  const text = headers.get("retry-after");
  if (text === null) return {};
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(ms) ? { retryAfterMs: Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS) } : {};
}

/** The innermost reason in an error message of `fetch`, which begins with the whole URL. */
function causeOf(message: string): string {
  return message.split(": ").slice(-1)[0]!.replace(/\s*\(os error \d+\)\s*/, "").trim();
}
