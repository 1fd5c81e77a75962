/**
 * `deno task package [deb|tarball…] [--target T] [--out DIR]`: packs what `deno task build` has
 * made. Without a kind, it makes all kinds that the platform has.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { LlorchError } from "#shared/errors.ts";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import { type ManifestEntry, readSoundManifest } from "../build/manifest.ts";
import { readCommit } from "../build/source.ts";
import { findTarget, type Target } from "../build/targets.ts";
import { type SbomFiles, writeSbom } from "../release/sbom.ts";
import { ROOT } from "../repo.ts";
import { buildDebs } from "./deb.ts";
import { buildTarballs } from "./tarball.ts";

/** Input of every kind of package. */
export interface PackageOptions extends SbomFiles {
  readonly target: Target;
  readonly version: string;
  /** Folder with the built executables. */
  readonly dist: string;
  readonly out: string;
  /** Commit's time, in seconds since 1970. */
  readonly epoch: number;
  /** The packed executables. */
  readonly executables: readonly ManifestEntry[];
  /** A temporary folder. */
  readonly work: string;
}

/** The function of each kind, which returns the paths of its packages. */
const KINDS: Readonly<Record<string, (options: PackageOptions) => Promise<string[]>>> = {
  deb: (options) => buildDebs({ ...options, triple: options.target.triple }),
  tarball: buildTarballs,
};

/** Makes packages of some kinds. */
export function makePackages(
  kinds: readonly string[],
  target: Target,
  dist: string,
  out: string,
): Promise<string[]> {
  return withPackaging(target, dist, out, async (options) => {
    const made: string[] = [];
    for (const kind of kinds) made.push(...await KINDS[kind]!(options));
    return made;
  });
}

/**
 * Prepares the input of the packages, and cleans up afterwards.
 *
 * @throws {LlorchError} if nothing is built, a file does not match the manifest, or a worker has libraries
 * that no package has
 */
export async function withPackaging<T>(
  target: Target,
  dist: string,
  out: string,
  make: (options: PackageOptions) => Promise<T>,
): Promise<T> {
  const { executables } = await readSoundManifest(dist);
  if (executables.length === 0) {
    throw new LlorchError(
      "NOT_FOUND",
      `Cannot find built executables in ${dist}: run deno task build first`,
    );
  }
  const own = executables.find(({ libraries }) => libraries === "source");
  if (own) {
    throw new LlorchError(
      "CONFLICT",
      `Cannot pack ${join(dist, own.file)}: its llama.cpp was built here, and the bill of ` +
        "materials names node-llama-cpp's; build it without --libraries",
    );
  }
  const commit = await readCommit();
  const work = await Deno.makeTempDir({ prefix: "llorch-package-" });
  try {
    const backends = executables.flatMap(({ backend }) => backend ?? []);
    const files = await writeSbom(target, backends, commit, dist);
    return await make({
      ...{ target, dist, out, executables, work, version: VERSION, epoch: commit.epoch },
      ...files,
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function parse(args: readonly string[]) {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { target: { type: "string" }, out: { type: "string" } },
    });
    const target = findTarget(values.target ?? Deno.build.target);
    const unknown = positionals.find((kind) => !Object.hasOwn(KINDS, kind));
    if (unknown !== undefined) {
      throw new UsageError(
        `Unknown kind of package "${unknown}": choose ${Object.keys(KINDS).join(", ")}`,
      );
    }
    const possible = Object.keys(KINDS).filter((kind) => kind !== "deb" || target.os === "linux");
    return {
      target,
      kinds: positionals.length > 0 ? positionals : possible,
      out: values.out === undefined ? undefined : resolve(values.out),
    };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message, { cause: error });
  }
}

if (import.meta.main) {
  Deno.exit(
    await runMain("package", async () => {
      const { target, kinds, out } = parse(Deno.args);
      const dist = join(ROOT, "dist", target.triple);
      for (const path of await makePackages(kinds, target, dist, out ?? join(dist, "packages"))) {
        console.error(path);
      }
      return 0;
    }),
  );
}
