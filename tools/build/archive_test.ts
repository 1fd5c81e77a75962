import assert from "node:assert/strict";
import { join } from "node:path";
import { packFolder } from "./archive.ts";

Deno.test({
  name: "packFolder() gives the same bytes whatever the umask was",
  ignore: Deno.build.os === "windows",
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      const digests = [];
      for (const [name, mode] of [["open", 0o022], ["closed", 0o077]] as const) {
        const folder = join(dir, name);
        await Deno.mkdir(join(folder, "sub"), { recursive: true, mode: 0o777 & ~mode });
        await Deno.writeTextFile(join(folder, "sub/text"), "x");
        await Deno.chmod(join(folder, "sub/text"), 0o666 & ~mode);
        await Deno.writeTextFile(join(folder, "program"), "x");
        await Deno.chmod(join(folder, "program"), 0o777 & ~mode);
        await Deno.chmod(join(folder, "sub"), 0o777 & ~mode);
        await Deno.symlink("program", join(folder, "link"));
        digests.push(await packFolder(folder, join(dir, `${name}.tar.gz`), 1_790_000_000));
      }
      assert.deepEqual(digests[1], digests[0]);
      const { stdout } = await new Deno.Command("tar", {
        args: ["tvzf", join(dir, "closed.tar.gz")],
      }).output();
      assert.deepEqual(
        new TextDecoder().decode(stdout).trim().split("\n").map((line) => line.slice(0, 10)),
        ["lrwxr-xr-x", "-rwxr-xr-x", "drwxr-xr-x", "-rw-r--r--"],
      );
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
