import { join } from "node:path";
import { errorMessage } from "#shared/errors.ts";
import { fetchPackage, findMirror, type Mirror } from "../../tools/image/debian/mirror.ts";
import { pinsFor, readPins } from "../../tools/image/debian/pins.ts";
import { findTarget } from "../../tools/build/targets.ts";

/**
 * A folder with the pinned packages of Debian for this machine, outside the repository. They are fetched once.
 *
 * @returns the folder, or why there is none
 */
export async function debianPackages(): Promise<{ folder: string } | { why: string }> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
  const folder = join(cache, "llorch-test", "debian-packages");
  try {
    await Deno.mkdir(folder, { recursive: true });
    const pins = await readPins();
    const here: Mirror = { kind: "folder", folder };
    const mirror = await findMirror(undefined);
    for (const pin of pinsFor(pins, findTarget(Deno.build.target))) {
      const isHere = await fetchPackage(pin, pins, here).then(() => true, () => false);
      if (isHere) continue;
      const path = join(folder, pin.path.split("/").at(-1)!);
      const aside = `${path}.${Deno.pid}`;
      await Deno.writeFile(aside, await fetchPackage(pin, pins, mirror));
      await Deno.rename(aside, path);
    }
    return { folder };
  } catch (error) {
    return { why: errorMessage(error) };
  }
}
