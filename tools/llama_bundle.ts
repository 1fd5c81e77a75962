import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { runProgram } from "#shared/run_program.ts";

/** llama.cpp's source as node-llama-cpp carries it, beside the module's own code. */
const BUNDLE = "../llama/gitRelease.bundle";

/** A folder, or why there is none. */
export type Unpacked = { readonly folder: string } | { readonly why: string };

/**
 * Folders of llama.cpp's source, unpacked once into `~/.cache` and named after the bundle's content.
 *
 * @param cacheName Name of the cache; one for each list of folders.
 * @param folders Paths in llama.cpp's source.
 * @returns why there is none where node-llama-cpp has no bundle, or git is absent
 */
export async function unpackLlama(
  cacheName: string,
  folders: readonly string[],
): Promise<Unpacked> {
  const bundle = fileURLToPath(new URL(BUNDLE, import.meta.resolve("node-llama-cpp")));
  let content: Uint8Array<ArrayBuffer>;
  try {
    content = await Deno.readFile(bundle);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      return { why: "node-llama-cpp has no gitRelease.bundle" };
    }
    throw error;
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
  const cache = join(cacheFolder(), cacheName);
  const folder = join(cache, digest.slice(0, 16));
  if (await isThere(folder)) return { folder };
  await Deno.mkdir(cache, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: cache, prefix: "new-" });
  try {
    await git("clone", "--quiet", "--no-checkout", bundle, fresh);
    await git("-C", fresh, "checkout", "--quiet", "HEAD", "--", ...folders);
    await Deno.remove(join(fresh, ".git"), { recursive: true });
    await Deno.rename(fresh, folder);
  } catch (error) {
    await Deno.remove(fresh, { recursive: true });
    if (error instanceof Deno.errors.NotFound) return { why: "git is not installed" };
    // Another process may have put it there meanwhile.
    if (!await isThere(folder)) throw error;
  }
  return { folder };
}

/** llama.cpp's release that the bundle has, e.g. `v0.4.0`. */
export async function llamaRelease(): Promise<string> {
  const file = new URL(
    "binariesGithubRelease.json",
    new URL(BUNDLE, import.meta.resolve("node-llama-cpp")),
  );
  return JSON.parse(await Deno.readTextFile(file)).release;
}

/** libllama of this platform's package for the CPU. */
export async function llamaLibrary(): Promise<
  { readonly path: string } | { readonly why: string }
> {
  const entry = fileURLToPath(import.meta.resolve("node-llama-cpp"));
  const packages = join(dirname(dirname(dirname(entry))), "@node-llama-cpp");
  const os = Deno.build.os === "darwin" ? "mac" : Deno.build.os;
  const platform = `${os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  for (const name of [platform, `${platform}-metal`]) {
    const folder = join(packages, name, "bins", name);
    if (!await isThere(folder)) continue;
    for await (const { name: file } of Deno.readDir(folder)) {
      if (/^libllama\.(?:.*\.)?(?:so|dylib)$/.test(file)) return { path: join(folder, file) };
    }
  }
  return { why: `node-llama-cpp has no libllama for ${platform}` };
}

/** The user's folder for what can be fetched again. */
export function cacheFolder(): string {
  const { HOME = "/root", XDG_CACHE_HOME } = Deno.env.toObject();
  return XDG_CACHE_HOME || join(HOME, ".cache");
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function git(...args: string[]): Promise<void> {
  const { code, stderr } = await runProgram({ command: "git", args });
  if (code !== 0) throw new Error(`git ${args[0]}: ${stderr}`);
}
