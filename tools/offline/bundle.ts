/**
 * `deno task bundle:offline [--target T] [--out DIR]`: one archive that brings a host without a network
 * from nothing to a streaming answer: what `deno task build` made, packages, the demo model, and the
 * installer.
 *
 * @module
 */
import { basename, join } from "node:path";
import { runMain } from "#shared/lifecycle.ts";
import { VERSION } from "#shared/version.ts";
import { planBuild } from "../build/plan.ts";
import type { Target } from "../build/targets.ts";
import { buildDebs } from "../package/deb.ts";
import { type PackageFile, textFile } from "../package/files.ts";
import { withPackaging } from "../package/main.ts";
import { buildTarball, tarballName } from "../package/tarball.ts";
import { ROOT } from "../repo.ts";
import readme from "./README.txt" with { type: "text" };

const MODEL = "catalog/demo/demo.gguf";

/** Makes the archive and gives its path. */
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

if (import.meta.main) {
  Deno.exit(
    await runMain("bundle:offline", async () => {
      const { target } = planBuild(Deno.args, Deno.build.target, Deno.cwd());
      const dist = join(ROOT, "dist", target.triple);
      console.error(await bundleOffline(target, dist, join(dist, "packages")));
      return 0;
    }),
  );
}
