import config from "../deno.json" with { type: "json" };
import { BUILD_INFO, type BuildInfo } from "./build_info.ts";

/** The version of every llorch executable; it stands in `deno.json` alone. */
export const VERSION: string = config.version;

/** The deno that llorch is made and tested with; `.ci/run` takes the same. */
export const DENO_VERSION = "2.9.6";

/** What `--version` says: `orchestratord 0.1.0 (1a2b3c4, 2026-11-23)`; a checkout knows no commit. */
export function versionLine(
  program: string,
  build: Pick<BuildInfo, "commit" | "date"> | undefined = BUILD_INFO,
): string {
  return `${program} ${VERSION}${build ? ` (${build.commit}, ${build.date})` : ""}`;
}
