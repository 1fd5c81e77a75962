import { urlHost } from "#shared/http/url_host.ts";
/** The address at which this machine reaches a server bound to `host`. */
export function localHost(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return /^\[?::\]?$/.test(host) ? "::1" : host;
}

/** The URL with another host, without a slash at its end. */
export function withHost(url: string, host: string): string {
  const changed = new URL(url);
  changed.hostname = urlHost(host);
  return changed.href.replace(/\/$/, "");
}

/** Whether it is a wildcard address, which can be bound but not called: `0.0.0.0`, `::`. */
export function isWildcard(host: string): boolean {
  return localHost(host) !== host;
}
