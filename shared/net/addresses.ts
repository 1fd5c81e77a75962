/**
 * What an IP address stands for, as far as it decides whom we call.
 *
 * @module
 */
import { isIP } from "node:net";

/**
 * - `secret`: gives secrets to whoever calls it from its machine: metadata services of clouds, and
 *   link-local addresses, where most of them are.
 * - `no-host`: stands for no single other host: unspecified, multicast, broadcast.
 * - `private`: this machine, a private network, or reserved.
 * - `public`: any other.
 */
export type AddressKind = "secret" | "no-host" | "private" | "public";

/** The first range that an address is in decides, so that single addresses stand before networks. */
const RANGES: readonly (readonly [range: string, kind: AddressKind])[] = [
  ["169.254.0.0/16", "secret"],
  // Metadata of Alibaba, Azure and Oracle.
  ["100.100.100.200/32", "secret"],
  ["168.63.129.16/32", "secret"],
  ["192.0.0.192/32", "secret"],
  ["0.0.0.0/8", "no-host"],
  ["224.0.0.0/4", "no-host"],
  ["255.255.255.255/32", "no-host"],
  ["10.0.0.0/8", "private"],
  ["100.64.0.0/10", "private"],
  ["127.0.0.0/8", "private"],
  ["172.16.0.0/12", "private"],
  ["192.0.0.0/24", "private"],
  ["192.0.2.0/24", "private"],
  ["192.88.99.0/24", "private"],
  ["192.168.0.0/16", "private"],
  ["198.18.0.0/15", "private"],
  ["198.51.100.0/24", "private"],
  ["203.0.113.0/24", "private"],
  ["240.0.0.0/4", "private"],
  ["0.0.0.0/0", "public"],

  ["fe80::/10", "secret"],
  // Metadata and credentials of AWS, and metadata of Google and Scaleway.
  ["fd00:ec2::254/128", "secret"],
  ["fd00:ec2::23/128", "secret"],
  ["fd20:ce::254/128", "secret"],
  ["fd00:42::42/128", "secret"],
  ["::/128", "no-host"],
  ["ff00::/8", "no-host"],
  ["2001::/23", "private"],
  ["2001:db8::/32", "private"],
  ["3fff::/20", "private"],
  ["2000::/3", "public"],
  // Unique local, loopback and all that is not handed out.
  ["::/0", "private"],
];

/**
 * IPv6 addresses that lead to an IPv4 address, with the byte at which that begins. One is never more
 * trusted than the IPv4 address in it.
 */
const EMBEDDING: readonly (readonly [range: string, at: number, kind: AddressKind])[] = [
  // IPv4-mapped, translated (SIIT) and NAT64.
  ["::ffff:0:0/96", 12, "public"],
  ["::ffff:0:0:0/96", 12, "public"],
  ["64:ff9b::/96", 12, "public"],
  // 6to4.
  ["2002::/16", 2, "public"],
  // NAT64 of one network, and the old IPv4-compatible form.
  ["64:ff9b:1::/48", 12, "private"],
  ["::/96", 12, "private"],
];

/** From the least to the most trusted. */
const ORDER: readonly AddressKind[] = ["secret", "no-host", "private", "public"];

/** Names of clouds' metadata services. */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  "instance-data",
  "instance-data.ec2.internal",
  "metadata",
  "metadata.goog",
  "metadata.google.internal",
]);

/**
 * The kind of an address; undefined if the text is no address.
 *
 * @param text In any spelling that `node:net` calls an address; an IPv6 zone (`%eth0`) is left out.
 */
export function addressKind(text: string): AddressKind | undefined {
  const bytes = bytesOf(text);
  return bytes && kindOf(bytes);
}

/**
 * Whether nothing of ours may ever call the host: it gives secrets, or is no single host.
 *
 * @param host A name or an address, see {@linkcode plainHost}.
 */
export function isNeverCalled(host: string): boolean {
  const kind = addressKind(host);
  return kind === undefined ? SECRET_NAMES.has(host) : kind === "secret" || kind === "no-host";
}

/**
 * A host as lists write it: in lower case, without brackets and a dot at its end, and an
 * IPv4-mapped address as IPv4.
 *
 * @param host As `URL.hostname` gives it.
 */
export function plainHost(host: string): string {
  const plain = host.toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const bytes = isIP(plain) === 6 ? bytesOf(plain) : undefined;
  return bytes && isIn(bytes, MAPPED) ? bytes.slice(12).join(".") : plain;
}

/** The first bytes of an address, and how many bits of them count. */
interface Range {
  readonly bytes: readonly number[];
  readonly bits: number;
}

const MAPPED = rangeOf("::ffff:0:0/96");
/** They look like the old form of an IPv4 address, but are none. */
const UNSPECIFIED_AND_LOOPBACK = rangeOf("::/127");
const ranges = RANGES.map(([range, kind]) => [rangeOf(range), kind] as const);
const embedding = EMBEDDING.map(([range, at, kind]) => [rangeOf(range), at, kind] as const);

function kindOf(bytes: readonly number[]): AddressKind {
  const own = ranges.find(([range]) => isIn(bytes, range))?.[1] ?? "private";
  const found = embedding.find(([range]) => isIn(bytes, range));
  if (!found || isIn(bytes, UNSPECIFIED_AND_LOOPBACK)) return own;
  const [, at, kind] = found;
  return lessTrusted(kindOf(bytes.slice(at, at + 4)), kind);
}

function lessTrusted(a: AddressKind, b: AddressKind): AddressKind {
  return ORDER[Math.min(ORDER.indexOf(a), ORDER.indexOf(b))]!;
}

function isIn(bytes: readonly number[], range: Range): boolean {
  if (bytes.length !== range.bytes.length) return false;
  const whole = range.bits >> 3;
  const mask = 0xff00 >> (range.bits & 7) & 0xff;
  return range.bytes.every((byte, at) =>
    at < whole ? byte === bytes[at] : at > whole || ((byte ^ bytes[at]!) & mask) === 0
  );
}

function rangeOf(text: string): Range {
  const [address = "", bits] = text.split("/");
  return { bytes: bytesOf(address)!, bits: Number(bits) };
}

/** The 4 or 16 bytes of an address. */
function bytesOf(text: string): number[] | undefined {
  const family = isIP(text);
  if (family === 0) return undefined;
  if (family === 4) return text.split(".").map(Number);
  // A URL writes an address in its one canonical form, in hexadecimal groups.
  const canonical = new URL(`http://[${text.replace(/%.*/, "")}]`).hostname.slice(1, -1);
  const [head = [], tail = []] = canonical.split("::").map((part) =>
    part === "" ? [] : part.split(":").map((group) => parseInt(group, 16))
  );
  const zeros = Array<number>(8 - head.length - tail.length).fill(0);
  return [...head, ...zeros, ...tail].flatMap((group) => [group >> 8, group & 0xff]);
}
