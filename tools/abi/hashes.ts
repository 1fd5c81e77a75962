import { join } from "node:path";
import {
  type Hashes,
  openedIn,
  sha256,
} from "../../daemons/worker/engine/libllama/c/check_files.ts";
import type { LibraryOs } from "../../daemons/worker/engine/libllama/c/library_files.ts";
import { addBackend } from "../build/app.ts";
import { installBackend } from "../build/install.ts";
import { BACKENDS, type Target, TARGETS } from "../build/targets.ts";
import { ROOT } from "../repo.ts";

/** Hashes by platform, as `linux-x64-cuda`. */
export type PlatformHashes = Readonly<Record<string, Hashes>>;

/** Hashes of all libraries that a worker may carry. Fetches the packages of every platform and backend. */
export async function allHashes(): Promise<PlatformHashes> {
  return await collect(async (backend, target, folder) => {
    const nodeModules = await installBackend(backend, target, join(folder, "packages"));
    await addBackend(nodeModules, backend, target, folder);
  });
}

/** Hashes of the libraries in the checkout's `node_modules`. */
export async function installedHashes(): Promise<PlatformHashes> {
  return await collect(async (backend, target, folder) => {
    try {
      await addBackend(join(ROOT, "node_modules"), backend, target, folder);
    } catch (error) {
      // Other platforms' packages are not installed, or point at an empty one.
      if (!(error instanceof Error && error.message.includes("has no @node-llama-cpp"))) {
        throw error;
      }
    }
  });
}

/** The text of `hashes.ts`, not yet formatted. */
export function hashesModule(hashes: PlatformHashes): string {
  return `/**
 * SHA-256 of llama.cpp's libraries in node-llama-cpp's packages, by platform and file. Written by
 * \`deno task abi\`: do not edit.
 *
 * @module
 */

/** The hashes, in hex. */
export const HASHES = ${JSON.stringify(hashes, null, 2)} as const;
`;
}

/** @param add Puts a backend's libraries into a folder, as {@linkcode addBackend} does. */
async function collect(
  add: (backend: typeof BACKENDS[number], target: Target, folder: string) => Promise<void>,
): Promise<PlatformHashes> {
  const found: Record<string, Hashes> = {};
  for (const target of TARGETS) {
    for (const backend of BACKENDS.filter((each) => target.backends[each])) {
      const folder = await Deno.makeTempDir({ prefix: "llorch-hashes-" });
      try {
        await add(backend, target, folder);
        Object.assign(found, await hashesIn(join(folder, "llama"), systemOf(target)));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }
  }
  return found;
}

/** Hashes of the libraries in folders by platform. */
async function hashesIn(folder: string, os: LibraryOs): Promise<PlatformHashes> {
  const found: Record<string, Hashes> = {};
  try {
    for await (const { name } of Deno.readDir(folder)) {
      found[name] = hashesOf(join(folder, name), os);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** Hashes of the libraries in a folder. */
export function hashesOf(folder: string, os: LibraryOs): Hashes {
  return Object.fromEntries(
    openedIn(folder, os).map((file) => [file, sha256(join(folder, file))]),
  );
}

function systemOf({ os }: Target): LibraryOs {
  return os === "win32" ? "windows" : os;
}
