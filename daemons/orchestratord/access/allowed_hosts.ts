import { BlockList, isIP } from "node:net";
import { type FieldError, invalidRequest } from "#shared/errors.ts";
import { isNeverCalled, plainHost } from "#shared/net/addresses.ts";

/** The addresses in a pool's report that orchestratord will call. */
export interface Addresses {
  readonly endpoint?: string | undefined;
  readonly workers: readonly { readonly uri?: string | undefined }[];
}

/** A set of host names, `*.suffixes`, addresses and CIDR ranges. */
export class HostSet {
  readonly #names = new Set<string>();
  readonly #suffixes: string[] = [];
  readonly #addresses = new BlockList();

  /** @throws {RangeError} that names the invalid entry */
  constructor(entries: readonly string[]) {
    for (const entry of entries) this.#add(entry.toLowerCase());
  }

  /** @param host As `URL.hostname` gives it. */
  has(host: string): boolean {
    const plain = plainHost(host);
    const family = familyOf(plain);
    if (family) return this.#addresses.check(plain, family);
    return this.#names.has(plain) || this.#suffixes.some((suffix) => plain.endsWith(suffix));
  }

  #add(entry: string): void {
    const [address = "", bits, ...more] = entry.split("/");
    const family = familyOf(address);
    if (family && bits === undefined) this.#addresses.addAddress(address, family);
    else if (family && more.length === 0 && isPrefix(bits, family)) {
      this.#addresses.addSubnet(address, Number(bits), family);
    } else if (/^\*\.[a-z0-9.-]+$/.test(entry)) this.#suffixes.push(entry.slice(1));
    else if (/^[a-z0-9][a-z0-9._-]*$/.test(entry)) this.#names.add(entry);
    else throw new RangeError(`"${entry}" is not a host name, *.suffix, address or CIDR range`);
  }
}

/**
 * Refuses a report with an address that orchestratord must not call.
 *
 * @param allowed Undefined to allow all hosts except metadata services and the like.
 * @throws {LlorchError} `INVALID_REQUEST`
 */
export function checkAddresses(report: Addresses, allowed: HostSet | undefined): void {
  const errors: FieldError[] = [];
  const check = (field: string, url: string | undefined) => {
    const wrong = url === undefined ? undefined : wrongWith(url, allowed);
    if (wrong !== undefined) errors.push({ field, message: wrong });
  };
  check("endpoint", report.endpoint);
  report.workers.forEach(({ uri }, index) => check(`workers.${index}.uri`, uri));
  if (errors.length > 0) throw invalidRequest(errors);
}

function wrongWith(text: string, allowed: HostSet | undefined): string | undefined {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) return "must be an http or https URL";
  if (url.username !== "" || url.password !== "") return "must not carry a user or password";
  const isAllowed = allowed ? allowed.has(url.hostname) : !isNeverCalled(plainHost(url.hostname));
  if (isAllowed) return undefined;
  return `${url.hostname} may not be called; orchestratord's pools.allowed_hosts lists the allowed hosts`;
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  return ({ 4: "ipv4", 6: "ipv6" } as const)[isIP(address) as 4 | 6];
}

function isPrefix(bits: string | undefined, family: "ipv4" | "ipv6"): boolean {
  return bits !== undefined && /^\d{1,3}$/.test(bits) &&
    Number(bits) <= (family === "ipv4" ? 32 : 128);
}
