/**
 * Where Debian's files come from: a folder, a mirror that was named, or the one that apt uses here.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { output } from "../../build/process.ts";
import { type Pin, type Pins, snapshotUrl } from "./pins.ts";

/** A source of files. */
export type Mirror =
  | { readonly kind: "folder"; readonly folder: string }
  | {
    readonly kind: "urls";
    /** URL of an archive (`debian`, `debian-security`), without a slash at the end. */
    readonly urlOf: (archive: string) => string;
  };

const PUBLIC = "http://deb.debian.org/debian";

/** Deadline of a download, in milliseconds. */
const FETCH_TIMEOUT_MS = 300_000;

/**
 * The mirror that `--packages` names, otherwise the one in apt's settings, otherwise Debian's own.
 *
 * @param named A folder of `.deb` files, or the URL of a mirror, whose path has `debian` in it.
 */
export async function findMirror(named: string | undefined): Promise<Mirror> {
  if (named !== undefined && !/^https?:\/\//.test(named)) return { kind: "folder", folder: named };
  const configured = named === undefined ? await mirrorsOfApt() : new Map<string, string>();
  const main = named?.replace(/\/+$/, "") ?? configured.get("debian") ?? PUBLIC;
  return {
    kind: "urls",
    urlOf: (archive) => configured.get(archive) ?? siblingArchive(main, archive),
  };
}

/** URL of another archive of a mirror: the security archive lies beside the main one. */
export function siblingArchive(main: string, archive: string): string {
  return main.replace(/\/debian(?=\/|$)/, `/${archive}`);
}

/** URL of each of Debian's archives in the settings of apt; none without apt. */
async function mirrorsOfApt(): Promise<Map<string, string>> {
  const format = "--format=$(REPO_URI)";
  const said = await output("apt-get", ["indextargets", format, "Created-By: Packages"])
    .catch(() => "");
  return mirrorsIn(said);
}

/** Reads lines of `apt-get indextargets`. */
export function mirrorsIn(lines: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of lines.split("\n")) {
    const [, url, archive] = /^(https?:\/\/\S+\/(debian(?:-security)?))\/?(?:\s|$)/.exec(line) ??
      [];
    if (url !== undefined && !found.has(archive!)) found.set(archive!, url);
  }
  return found;
}

/**
 * Gets a pinned package and checks its hash.
 *
 * @throws {LlorchError} that says how to get it, if it is not there or is not the pinned one
 */
export async function fetchPackage(pin: Pin, pins: Pins, mirror: Mirror): Promise<Uint8Array> {
  const what = `${pin.name} ${pin.version} (${pin.architecture})`;
  const [bytes, from] = await read(pin, mirror).catch((error) => {
    throw new LlorchError("NOT_FOUND", `${missing(what, errorMessage(error))}; ${ways(pins)}`);
  });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  if (sha256 === pin.sha256) return bytes;
  throw new LlorchError(
    "CONFLICT",
    `Cannot use ${from} as ${what}: its SHA-256 is ${sha256}, and pins.json says ${pin.sha256}; ` +
      "get it from another mirror with --packages",
  );
}

async function read(pin: Pin, mirror: Mirror): Promise<[bytes: Uint8Array, from: string]> {
  if (mirror.kind === "folder") {
    const path = join(mirror.folder, basename(pin.path));
    return [await Deno.readFile(path), path];
  }
  const url = `${mirror.urlOf(pin.archive)}/${pin.path}`;
  return [await download(url), url];
}

/** Downloads a file. */
export async function download(url: string): Promise<Uint8Array> {
  const reply = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (reply.ok) return await reply.bytes();
  await reply.body?.cancel();
  throw new Error(`${url} answers ${reply.status}`);
}

function missing(what: string, reason: string): string {
  return `Cannot get the Debian package ${what}: ${reason}`;
}

/** What to do about a package that is not there. */
function ways(pins: Pins): string {
  return "a mirror keeps only the newest versions: run deno task image-base to pin those, " +
    `or take the pinned ones with --packages=${snapshotUrl(pins)}`;
}
