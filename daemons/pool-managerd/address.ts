import { urlHost } from "#shared/http/url_host.ts";
/** How to reach on this machine what binds to `host`. */
export function localHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return /^\[?::\]?$/.test(host) ? "::1" : host;
}

/** The same URL at another host, without a slash at its end. */
export function withHost(url: string, host: string): string {
  const changed = new URL(url);
  changed.hostname = urlHost(host);
  return changed.href.replace(/\/$/, "");
}

/** Whether an address is bound by everybody and therefore reached by nobody: `0.0.0.0`, `::`. */
export function isWildcard(host: string): boolean {
  return localHost(host) !== host;
}
