import { join } from "node:path";
import { output } from "../../tools/build/process.ts";

/**
 * Packages to install on top of the minimal system: an init, and the dependencies of our packages.
 */
const INCLUDED = [
  ...["systemd", "systemd-sysv", "dbus", "init-system-helpers", "procps"],
  ...["libgomp1", "libstdc++6", "ca-certificates"],
];

/** Why no Debian root can be made on this machine; undefined if it can. */
export async function debianObstacle(...tools: readonly string[]): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root";
  for (const tool of ["debootstrap", ...tools]) {
    const { success } = await new Deno.Command("sh", {
      args: ["-c", `command -v ${tool}`],
      stdout: "null",
    }).output();
    if (!success) return `needs ${tool}`;
  }
}

/**
 * A freshly installed Debian 12, in a folder outside the repository. It is made once, from Debian's
 * mirror (about a minute), and never changed.
 */
export async function debianRoot(): Promise<string> {
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
  const root = join(cache, "llorch-test", "debian-12");
  try {
    await Deno.stat(join(root, "sbin/init"));
    return root;
  } catch {
    // Not made yet.
  }
  const mirror = Deno.env.get("LLORCH_TEST_DEBIAN_MIRROR") ?? "http://deb.debian.org/debian";
  const aside = `${root}.${Deno.pid}`;
  await Deno.mkdir(aside, { recursive: true });
  try {
    await output("debootstrap", [
      "--variant=minbase",
      `--include=${INCLUDED.join(",")}`,
      "bookworm",
      aside,
      mirror,
    ]);
    await Deno.rename(aside, root);
    return root;
  } catch (error) {
    await Deno.remove(aside, { recursive: true });
    throw error;
  }
}
