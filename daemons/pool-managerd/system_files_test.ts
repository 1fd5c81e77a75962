import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readSystemFile, readSystemFileSync } from "./system_files.ts";

Deno.test("a file of the system is read, and a missing one is not", async () => {
  assert.match(readSystemFileSync("/proc/self/stat") ?? "", /^\d+ \(/);
  assert.match(await readSystemFile("/proc/self/stat") ?? "", /^\d+ \(/);
  assert.equal(readSystemFileSync("/proc/none"), undefined);
  assert.equal(await readSystemFile("/proc/none"), undefined);
});

Deno.test("a system file can be read with the daemon's permissions", async () => {
  const module = JSON.stringify(new URL("./system_files.ts", import.meta.url).href);
  const script = `
    import { readSystemFile, readSystemFileSync } from ${module};
    console.log(readSystemFileSync("/proc/self/stat") !== undefined);
    console.log(await readSystemFile("/proc/self/stat") !== undefined);
    console.log(await readSystemFile("/proc/none"));`;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, script);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--config=deno.json", "-P=pool-managerd", file],
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
  }).output();
  await Deno.remove(file);
  assert.equal(new TextDecoder().decode(stdout), "true\ntrue\nundefined\n");
});
