import assert from "node:assert/strict";
import { join } from "node:path";
import { openStateDir } from "./state_dir.ts";

Deno.test("openStateDir() lets one process at a time have a folder", async () => {
  const dir = await Deno.makeTempDir();
  const path = join(dir, "a", "b");
  const first = openStateDir(path, "orchestratord");
  assert.throws(() => openStateDir(path, "orchestratord"), {
    code: "CONFLICT",
    message: new RegExp(
      `another orchestratord holds it \\(process ${Deno.pid}, orchestratord \\d.*, since 2.*Z\\); stop it`,
    ),
  });
  first.release();
  openStateDir(path, "orchestratord").release();
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o700);
  await Deno.remove(dir, { recursive: true });
});
