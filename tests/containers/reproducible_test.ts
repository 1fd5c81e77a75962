import assert from "node:assert/strict";
import { join, relative } from "node:path";
import { digestOf } from "../../tools/build/archive.ts";
import { output } from "../../tools/build/process.ts";
import { filesBelow } from "../../tools/image/programs.ts";
import { debianPackages } from "../support/image.ts";
import { ROOT } from "../support/stack.ts";

const FAKETIME = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;
const hasFaketime = await Deno.stat(FAKETIME).then(() => true, () => false);

const packages = Deno.build.os === "linux" ? await debianPackages() : { why: "needs Linux" };
const why = "why" in packages ? ` (skipped: ${packages.why})` : "";

/** Makes an image in a process of its own; returns the hash of each file of the layout by path. */
async function make(out: string, umask: string, env: Record<string, string>) {
  const from = "folder" in packages ? packages.folder : "";
  await output("sh", [
    "-c",
    `umask ${umask}; exec "$0" "$@"`,
    ...[Deno.execPath(), "run", "-q", "--no-prompt", "-P=tools", join(ROOT, "tools/image/main.ts")],
    ...["orchestrator", `--packages=${from}`, `--out=${out}`],
  ], { cwd: ROOT, env });
  const layout = join(out, "orchestrator");
  const files = filesBelow(layout).map(async (path) => {
    const file = join(layout, path);
    const mode = (await Deno.stat(file)).mode! & 0o777;
    return [relative(layout, file), `${mode.toString(8)} ${(await digestOf(file)).sha256}`];
  });
  return Object.fromEntries(await Promise.all(files));
}

Deno.test({
  name: `an image is the same to the byte, wherever, whenever and however it is made${why}`,
  ignore: why !== "",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      const first = await make(join(dir, "a"), "022", { TZ: "UTC", LC_ALL: "C" });
      // Blobs: three layers, the configuration and the manifest.
      assert.equal(Object.keys(first).length, 7);
      const other = { TZ: "Pacific/Kiritimati", LC_ALL: "tr_TR.UTF-8", LANG: "tr_TR.UTF-8" };
      const clock: Record<string, string> = hasFaketime
        ? { LD_PRELOAD: FAKETIME, FAKETIME: "@2031-05-06 07:08:09" }
        : {};
      const second = await make(join(dir, "another", "place"), "077", { ...other, ...clock });
      assert.deepEqual(second, first);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
