/**
 * `deno task media`: builds libmtmd for the libraries that a worker from this checkout opens, so that it
 * reads pictures and sound as a built one does.
 *
 * @module
 */
import { basename, join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { runMain } from "#shared/lifecycle.ts";
import { cpuBinaries } from "../daemons/worker/engine/libllama/c/carried.ts";
import { buildMedia, placeMedia } from "./build/media.ts";
import { findTarget } from "./build/targets.ts";
import { ROOT } from "./repo.ts";

/**
 * Builds it, or takes it from the cache.
 *
 * @returns why there is none on this machine
 */
export async function mediaForCheckout(): Promise<{ readonly why: string } | undefined> {
  const libraries = cpuBinaries();
  if (libraries === undefined) return { why: "no libraries of llama.cpp are installed" };
  const built = await buildMedia(libraries, findTarget(Deno.build.target));
  if ("why" in built) return built;
  await placeMedia(built.file, join(ROOT, "dist/media", basename(libraries)));
  return undefined;
}

if (import.meta.main) {
  Deno.exit(
    await runMain("media", async () => {
      const failed = await mediaForCheckout();
      if (failed) throw new LlorchError("NOT_FOUND", `Cannot build libmtmd: ${failed.why}`);
      return 0;
    }),
  );
}
