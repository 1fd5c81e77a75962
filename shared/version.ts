import config from "../deno.json" with { type: "json" };
import { BUILD_INFO, type BuildInfo } from "./build_info.ts";

/** The version of every llorch executable; it is written only in `deno.json`. */
export const VERSION: string = config.version;

/** Whether a version of llorch is newer than another; false if either is not of the form `1.2.3`. */
export function isNewer(version: string, than: string = VERSION): boolean {
  const [a, b] = [version, than].map((text) => /^(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1));
  if (!a || !b) return false;
  const at = a.findIndex((part, index) => part !== b[index]);
  return at >= 0 && Number(a[at]) > Number(b[at]);
}

/** The version of Deno that llorch is built and tested with; `.ci/run` uses the same. */
export const DENO_VERSION = "2.9.6";

/**
 * Text of `--version`: `orchestratord 0.1.0 (1a2b3c4, 2026-11-23)`; without commit in a checkout.
 */
export function versionLine(
  program: string,
  build: Pick<BuildInfo, "commit" | "date"> | undefined = BUILD_INFO,
): string {
  return `${program} ${VERSION}${build ? ` (${build.commit}, ${build.date})` : ""}`;
}
