/**
 * Addresses of servers with OpenAI's API that run elsewhere, as an operator configures them.
 *
 * @module
 */
import { addressKind, isNeverCalled, plainHost } from "#shared/net/addresses.ts";

/** Options of {@linkcode faultOfServerUrl}. */
export interface ServerUrlUse {
  /** Whether a key is sent with each request. */
  readonly hasKey: boolean;
}

/**
 * What is wrong with a server's URL, as the end of a sentence that begins with the key's name;
 * undefined if nothing is.
 */
export function faultOfServerUrl(text: string, { hasKey }: ServerUrlUse): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    return "must be an http or https URL, such as https://gpu.example.org:8000";
  }
  if (url.username !== "" || url.password !== "") {
    return "must not carry a user or password: write the key to a file, and name it in api_key_file";
  }
  if (url.search !== "" || url.hash !== "") return "must end with its path: leave out ? or #";
  const host = plainHost(url.hostname);
  if (isNeverCalled(host)) {
    return `names ${host}, where machines keep secrets or no single host is: name the server's own ` +
      "address";
  }
  if (hasKey && url.protocol === "http:" && isOutside(text)) {
    return `would send the key to ${host} unencrypted: use https, or write the server's address if it ` +
      "is in this network";
  }
  return undefined;
}

/** A server's URL without what requests add: no `/v1` and no slash at its end. */
export function serverBase(text: string): string {
  const { origin, pathname } = new URL(text);
  return origin + pathname.replace(/\/+$/, "").replace(/\/v1$/, "");
}

/** Ends of names that are given only in one network. */
const INSIDE = /(?:^|\.)(?:localhost|local|lan|internal|home\.arpa)$/;

/**
 * Whether a URL leads out of this network, as far as it tells: a public address, or a name that is
 * not one of a single network. A name is not resolved, so that the answer does not change.
 */
export function isOutside(text: string): boolean {
  const host = plainHost(new URL(text).hostname);
  const kind = addressKind(host);
  if (kind !== undefined) return kind === "public";
  return host.includes(".") && !INSIDE.test(host);
}
