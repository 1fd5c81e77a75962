import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** llama.cpp's source as node-llama-cpp carries it, beside the module's own code. */
const BUNDLE = "../llama/gitRelease.bundle";

/** What tests read of it. */
const FOLDERS = ["models", "tests"];

/**
 * The folder of llama.cpp's source, as far as tests read it: chat templates, vocabularies and its own
 * tests. It is unpacked once into `~/.cache/llorch-llama-source` and named after the bundle's content.
 *
 * @returns why there is none where node-llama-cpp has no bundle, or git is absent
 */
export async function llamaSource(): Promise<
  { readonly folder: string } | { readonly why: string }
> {
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
  const cache = join(cacheFolder(), "llorch-llama-source");
  const folder = join(cache, digest.slice(0, 16));
  if (await isThere(folder)) return { folder };
  await Deno.mkdir(cache, { recursive: true });
  const fresh = await Deno.makeTempDir({ dir: cache, prefix: "new-" });
  try {
    await git("clone", "--quiet", "--no-checkout", bundle, fresh);
    await git("-C", fresh, "checkout", "--quiet", "HEAD", "--", ...FOLDERS);
    await Deno.rename(fresh, folder);
  } catch (error) {
    await Deno.remove(fresh, { recursive: true });
    if (error instanceof Deno.errors.NotFound) return { why: "git is not installed" };
    // Another test may have put it there meanwhile.
    if (!await isThere(folder)) throw error;
  }
  return { folder };
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
  const { success, stderr } = await new Deno.Command("git", { args, stdin: "null" }).output();
  if (!success) throw new Error(`git ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}
