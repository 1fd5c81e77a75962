import { isAbsolute, join, resolve } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { defined } from "#shared/json.ts";
import { type ModelReference, parseReference } from "#shared/models/reference.ts";
import { homeDir } from "#shared/paths.ts";
import type { Context } from "../context.ts";
import { hubHome } from "./hub.ts";

/** A model file to add. */
export interface Source {
  /** With links resolved. */
  readonly path: string;
  /** The name of its file, also where the hub's tool keeps it under its hash. */
  readonly fileName: string;
  /** Where it came from. */
  readonly hub?: { readonly repo: string; readonly revision?: string; readonly file: string };
  /** Its hash, by which the hub's own tool names the file. */
  readonly sha256?: string;
}

/**
 * Finds the file of a reference or a path.
 *
 * @throws {LlorchError} when it is not there.
 */
export async function findSource(word: string, context: Context): Promise<Source> {
  const isPath = !/^(file|hf):/.test(word);
  const text = isPath ? `file:${absolute(word, context)}` : word;
  const reference = parseReference(text);
  if (reference.kind === "hf") return await inHubCache(reference, context);
  if (reference.kind !== "file") throw new TypeError(`Cannot add the name "${word}"`);
  const path = await Deno.realPath(reference.path).catch(() => undefined);
  if (path === undefined) {
    throw new LlorchError("MODEL_NOT_FOUND", `There is no file ${reference.path}: check the path`);
  }
  return { path, fileName: lastPart(reference.path) };
}

/** The hub's own tool keeps a file under its hash and links to it from a folder for each commit. */
async function inHubCache(
  { org, repo, revision, file }: ModelReference & { kind: "hf" },
  { env }: Context,
): Promise<Source> {
  const cache = env("HF_HUB_CACHE") || join(hubHome(env), "hub");
  const folder = join(cache, `models--${org}--${repo}`);
  const asked = `hf:${org}/${repo}`;
  if (file === undefined) {
    throw new LlorchError("INVALID_REQUEST", `Which file of ${asked}? Add ::file= and its path`);
  }
  const commit = await Deno.readTextFile(join(folder, "refs", revision ?? "main"))
    .then((text) => text.trim(), () => revision ?? "main");
  const path = await Deno.realPath(join(folder, "snapshots", commit, file)).catch(() => undefined);
  if (path === undefined) {
    throw new LlorchError(
      "MODEL_NOT_FOUND",
      `${asked} has no ${file} in the hub's cache ${cache}: llorch models download fetches it`,
    );
  }
  const blob = lastPart(path);
  return {
    path,
    fileName: lastPart(file),
    hub: { repo: `${org}/${repo}`, ...defined({ revision }), file },
    ...(/^[0-9a-f]{64}$/.test(blob) ? { sha256: blob } : {}),
  };
}

function absolute(path: string, { cwd, env }: Context): string {
  if (path.startsWith("~/")) return join(homeDir(env), path.slice(2));
  return isAbsolute(path) ? resolve(path) : resolve(cwd, path);
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
