import { isIP } from "node:net";
import { urlHost } from "#shared/http/url_host.ts";
import { isNeverCalled, plainHost } from "#shared/net/addresses.ts";

/** `*.`, a name or an address in brackets, and a port. */
const ENTRY = /^(\*\.)?(\[[^\]]+\]|[^[\]:*/\\?#@%\s]+)(?::(\d{1,5}))?$/;

/**
 * The hosts that images may be fetched from: names, `*.suffixes` and addresses, each with its port
 * unless that is the scheme's own: `images.example.org`, `*.example.org:8443`, `192.168.1.5`,
 * `[fd00::5]:81`.
 */
export class ImageHosts {
  readonly #entries: ReadonlySet<string>;

  /** @throws {RangeError} that names the invalid entry */
  constructor(entries: readonly string[]) {
    this.#entries = new Set(entries.map(plainEntry));
  }

  /** Whether an entry names the host and port of an http or https URL. */
  has(url: URL): boolean {
    const host = plainHost(url.hostname);
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    const names = isIP(host) ? [host] : [host, ...suffixes(host)];
    return names.some((name) =>
      this.#entries.has(entryOf(name, port)) || url.port === "" && this.#entries.has(name)
    );
  }
}

/** `*.b.c` and `*.c` of `a.b.c`. */
function suffixes(host: string): string[] {
  const labels = host.split(".");
  return labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join(".")}`);
}

function entryOf(host: string, port: string): string {
  return `${urlHost(host)}:${port}`;
}

/** An entry as {@linkcode ImageHosts.has} looks for it. */
function plainEntry(entry: string): string {
  const [, star = "", written = "", port] = isIP(entry)
    ? [entry, "", urlHost(entry)]
    : ENTRY.exec(entry) ?? [];
  // A URL knows the other spellings of names and addresses too.
  const host = plainHost(URL.parse(`http://${written}`)?.hostname ?? "");
  const isPort = port === undefined || Number(port) >= 1 && Number(port) <= 65_535;
  if (host === "" || !isPort || star !== "" && isIP(host)) {
    throw new RangeError(
      `"${entry}" is not a host name, *.suffix or address, with or without a port`,
    );
  }
  if (isNeverCalled(host)) {
    throw new RangeError(`"${entry}" gives secrets or stands for no single host`);
  }
  return port === undefined ? star + host : entryOf(star + host, String(Number(port)));
}
