import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD_INFO } from "./build_info.ts";
import { ENV } from "./defaults.ts";
import { LlorchError } from "./errors.ts";
import type { Env } from "./paths.ts";

/** Every executable, with the path of its source in the repository. */
export const SOURCES = {
  "llorch": "cli/main.ts",
  "orchestratord": "daemons/orchestratord/main.ts",
  "pool-managerd": "daemons/pool-managerd/main.ts",
  "llorch-candled": "daemons/worker/main.ts",
} as const;

/** Name of an executable. */
export type ExecutableName = keyof typeof SOURCES;

/** How to start an executable; its own arguments come after `args`. */
export interface Executable {
  readonly command: string;
  readonly args: readonly string[];
}

/** Sources of {@linkcode findExecutable}. */
export interface ExecutableSearch {
  readonly env: Env;
  /** The running executable. */
  readonly execPath: string;
  /** Whether the running program was built: then `execPath` is its own path and not deno's. */
  readonly standalone: boolean;
  readonly exists: (path: string) => boolean;
}

/** The environment and files of this process. */
export function processSearch(): ExecutableSearch {
  return {
    env: (name) => Deno.env.get(name),
    execPath: ownPath(),
    standalone: BUILD_INFO !== undefined,
    exists(path) {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        return false;
      }
    },
  };
}

/** Path of the running executable. A portable one is run by deno; its launcher passes its path. */
function ownPath(): string {
  const portable = BUILD_INFO?.runtime === "portable" ? Deno.env.get(ENV.executable) : undefined;
  return portable ?? Deno.execPath();
}

/**
 * Finds an executable: in `LLORCH_BIN_DIR`, beside the running one, in the checkout's source (run
 * with our own deno), then on `PATH`.
 *
 * @param variants Names to prefer, first to last, e.g. `llorch-candled-cuda` before
 * `llorch-candled`.
 * @throws {LlorchError} `WORKER_START_FAILED` with the places that were searched.
 */
export function findExecutable(
  name: ExecutableName,
  variants: readonly string[] = [],
  search: ExecutableSearch = processSearch(),
): Executable {
  const names = [...variants, name];
  const binDir = search.env(ENV.binDir);
  const beside = search.standalone ? dirname(search.execPath) : undefined;
  for (const dir of [binDir, beside]) {
    const found = dir && names.map((each) => join(dir, each)).find(search.exists);
    if (found) return { command: found, args: [] };
  }
  const root = checkoutRoot(search);
  if (root !== undefined && binDir === undefined) return fromSource(name, root, search.execPath);
  for (const dir of (search.env("PATH") ?? "").split(delimiter)) {
    const found = dir && names.map((each) => join(dir, each)).find(search.exists);
    if (found) return { command: found, args: [] };
  }
  throw new LlorchError(
    "WORKER_START_FAILED",
    `Cannot find the executable ${name}: looked in ${ENV.binDir} (${
      binDir ?? "not set"
    }), beside this program and on PATH`,
  );
}

/** The checkout that this program runs from; undefined in a built executable. */
export function checkoutRoot(search: ExecutableSearch = processSearch()): string | undefined {
  if (search.standalone || !import.meta.url.startsWith("file:")) return undefined;
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  return search.exists(join(root, "deno.json")) ? root : undefined;
}

/** Runs an executable's source with the permissions of `deno.json` that it is compiled with. */
function fromSource(name: ExecutableName, root: string, deno: string): Executable {
  return {
    command: deno,
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--unstable-lazy-dynamic-imports",
      `--config=${join(root, "deno.json")}`,
      `-P=${name}`,
      join(root, SOURCES[name]),
    ],
  };
}
