/**
 * Which hosts and addresses a daemon may call.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";

/** Metadata services of clouds, which hold secrets, and addresses of no single host. */
const SECRETS: readonly string[] = [
  "169.254.0.0/16",
  "fe80::/10",
  "fd00:ec2::254",
  "100.100.100.200",
  "0.0.0.0/8",
  "::",
  "224.0.0.0/4",
  "ff00::/8",
  "255.255.255.255",
  "metadata.google.internal",
  "metadata",
];

/**
 * Addresses that are not of the public network. Forms that carry an IPv4 address in an IPv6 one (NAT64,
 * 6to4, Teredo, IPv4-compatible) count whatever they carry.
 *
 * Source: IANA's registries of special-purpose addresses.
 */
const PRIVATE: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "::/96",
  "64:ff9b::/96",
  "64:ff9b:1::/48",
  "100::/64",
  "2001::/23",
  "2001:db8::/32",
  "2002::/16",
  "3fff::/20",
  "5f00::/16",
  "fc00::/7",
  "fe80::/10",
  "fec0::/10",
  "ff00::/8",
];

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

const secrets = new HostSet(SECRETS);
const privates = new HostSet(PRIVATE);

/** Whether a host is one that holds a machine's secrets, or no single host: never to be called. */
export function isSecretHost(host: string): boolean {
  return secrets.has(host);
}

/** Whether an address is not of the public network. */
export function isPrivateAddress(address: string): boolean {
  return privates.has(address);
}

/** Whether a host, as `URL.hostname` gives it, is an address and no name. */
export function isAddress(host: string): boolean {
  return familyOf(plainHost(host)) !== undefined;
}

/** A host without brackets or a trailing dot; an IPv4-mapped IPv6 address becomes IPv4. */
function plainHost(host: string): string {
  const plain = host.toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(plain);
  if (!mapped) return plain;
  const parts = [mapped[1]!, mapped[2]!].map((part) => parseInt(part, 16));
  return parts.flatMap((part) => [part >> 8, part & 255]).join(".");
}

function familyOf(address: string): "ipv4" | "ipv6" | undefined {
  return ({ 4: "ipv4", 6: "ipv6" } as const)[isIP(address) as 4 | 6];
}

function isPrefix(bits: string | undefined, family: "ipv4" | "ipv6"): boolean {
  return bits !== undefined && /^\d{1,3}$/.test(bits) &&
    Number(bits) <= (family === "ipv4" ? 32 : 128);
}
