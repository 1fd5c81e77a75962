import { basename, join, resolve } from "node:path";
import { errorMessage } from "#shared/errors.ts";
import { DENO_VERSION } from "#shared/version.ts";
import { digestOf } from "./archive.ts";
import { platformOf } from "./native.ts";
import { output } from "./process.ts";
import type { Target } from "./targets.ts";

/** The path of `denort`, the base program of `deno compile`, or why there is none. */
export type Denort =
  | { readonly kind: "found"; readonly env: Record<string, string>; readonly from: string }
  | { readonly kind: "missing"; readonly reason: string };

/** Deadline of a request to the release host, in milliseconds. */
const PROBE_TIMEOUT_MS = 10_000;

/**
 * Finds `denort` of a target in `DENORT_BIN`, in Deno's cache folder, then at Deno's release host.
 * A cached archive is checked against its published checksum, if that is in the cache, too
 * (`<archive>.sha256sum`).
 */
export async function findDenort(
  target: Target,
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<Denort> {
  const missing = (reason: string) => missingFor(target, reason);
  const named = env("DENORT_BIN");
  if (named !== undefined && named !== "") {
    // An absolute path, since deno runs in another folder.
    const own = resolve(named);
    const problem = await problemOf(own, target);
    if (problem !== undefined) return missing(`DENORT_BIN names ${own}, ${problem}`);
    return { kind: "found", env: { DENORT_BIN: own }, from: own };
  }
  const archive = `denort-${target.triple}.zip`;
  const cached = join(await denoDir(), "dl", "release", `v${DENO_VERSION}`, archive);
  if (isFile(cached)) {
    const problem = await checkSum(cached);
    return problem === undefined ? { kind: "found", env: {}, from: cached } : missing(problem);
  }
  const url = `https://dl.deno.land/release/v${DENO_VERSION}/${archive}`;
  try {
    const reply = await fetch(`${url}.sha256sum`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    const sums = await reply.text();
    if (!reply.ok) return missing(`${url}.sha256sum answers ${reply.status}`);
    const problem = await download(url, sums, cached);
    return problem === undefined ? { kind: "found", env: {}, from: url } : missing(problem);
  } catch (error) {
    return missing(`${new URL(url).host} cannot be reached (${errorMessage(error)})`);
  }
}

/** Downloads an archive with the right checksum into the cache; otherwise returns why not. */
async function download(url: string, sums: string, into: string): Promise<string | undefined> {
  const reply = await fetch(url);
  if (!reply.ok || reply.body === null) return `${url} answers ${reply.status}`;
  await Deno.mkdir(join(into, ".."), { recursive: true });
  const aside = `${into}.${Deno.pid}`;
  await Deno.writeFile(aside, reply.body);
  await Deno.writeTextFile(`${aside}.sha256sum`, sums);
  const problem = await checkSum(aside);
  if (problem !== undefined) {
    await Deno.remove(aside);
    return problem;
  }
  await Deno.rename(`${aside}.sha256sum`, `${into}.sha256sum`);
  await Deno.rename(aside, into);
  return undefined;
}

/** Compares an archive with the checksum beside it, if there is one. */
async function checkSum(archive: string): Promise<string | undefined> {
  const file = `${archive}.sha256sum`;
  if (!isFile(file)) return undefined;
  const wanted = /\b[0-9a-f]{64}\b/i.exec(await Deno.readTextFile(file))?.[0]?.toLowerCase();
  const { sha256 } = await digestOf(archive);
  return wanted === sha256
    ? undefined
    : `${archive} has the SHA-256 ${sha256}, and ${basename(file)} says ${wanted}`;
}

/** Why a file is not a target's denort; undefined if it is. */
async function problemOf(file: string, target: Target): Promise<string | undefined> {
  if (!isFile(file)) return "which is no file";
  const platform = await platformOf(file);
  if (platform === undefined) return "which is no program";
  if (platform.os === target.os && platform.arch === target.arch) return undefined;
  return `a program for ${platform.os} ${platform.arch}, not for ${target.os} ${target.arch}`;
}

function missingFor(target: Target, reason: string): Denort {
  const other = target.os === "win32" ? "" : ", or use --runtime=portable";
  return { kind: "missing", reason: `${reason}: set DENORT_BIN to denort ${DENO_VERSION}${other}` };
}

async function denoDir(): Promise<string> {
  return JSON.parse(await output(Deno.execPath(), ["info", "--json"])).denoDir;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
