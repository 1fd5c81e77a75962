/**
 * `deno task bundle:offline [--target T] [--out DIR]`: makes one archive with all that a host
 * without a network needs: built executables, packages, the demo model, and the installer. It is
 * written to DIR, or beside the packages of its platform.
 *
 * @module
 */
import { basename, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import { findTarget, type Target } from "../build/targets.ts";
import { buildDebs } from "../package/deb.ts";
import { type PackageFile, textFile } from "../package/files.ts";
import { withPackaging } from "../package/main.ts";
import { buildTarball, tarballName } from "../package/tarball.ts";
import { ROOT } from "../repo.ts";
import readme from "./README.txt" with { type: "text" };

const MODEL = "catalog/demo/demo.gguf";

/** Makes the archive; returns its path. */
export function bundleOffline(target: Target, dist: string, out: string): Promise<string> {
  return withPackaging(target, dist, out, async (options) => {
    const copy = (path: string, copyOf: string): PackageFile => ({
      ...{ path, mode: 0o644 },
      content: { copyOf },
    });
    const debs = target.os === "linux"
      ? await buildDebs({ ...options, triple: target.triple, out: join(options.work, "debs") })
      : [];
    return await buildTarball(options, [
      textFile("/README.txt", readme),
      copy("/share/llorch/models/demo.gguf", join(ROOT, MODEL)),
      ...debs.map((path) => copy(`/packages/${basename(path)}`, path)),
    ], tarballName(`offline-${VERSION}`, target.triple));
  });
}

/**
 * Reads `[--target T] [--out DIR]`.
 *
 * @throws {UsageError} that names the wrong word
 */
export function planBundle(
  args: readonly string[],
  host: string,
  cwd: string,
): { target: Target; out: string } {
  const { target: triple, out } = parse(args);
  const target = findTarget(triple ?? host);
  const packages = join(ROOT, "dist", target.triple, "packages");
  return { target, out: out === undefined ? packages : resolve(cwd, out) };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: { target: { type: "string" }, out: { type: "string" } },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

if (import.meta.main) {
  Deno.exit(
    await runMain("bundle:offline", async () => {
      const { target, out } = planBundle(Deno.args, Deno.build.target, Deno.cwd());
      const dist = join(ROOT, "dist", target.triple);
      console.error(await bundleOffline(target, dist, out));
      return 0;
    }),
  );
}
