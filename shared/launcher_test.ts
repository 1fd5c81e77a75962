import assert from "node:assert/strict";
import { ENV } from "./defaults.ts";
import { followUs, watchLauncher } from "./launcher.ts";

const withLauncher = (value: string) => (name: string) => name === ENV.launcher ? value : undefined;

Deno.test("watchLauncher() notices that the kernel gave us another parent", async () => {
  for (const value of ["7", "parent"]) {
    let parent = 7;
    const { gone } = watchLauncher(withLauncher(value), () => parent);
    parent = 1;
    assert.equal(await gone, 7);
  }
});

Deno.test("watchLauncher() notices at once a launcher that ended before our start", async () => {
  assert.equal(await watchLauncher(withLauncher("7"), () => 1).gone, 7);
});

Deno.test("watchLauncher() watches only if LLORCH_LAUNCHER is set", async () => {
  const { gone } = watchLauncher(() => undefined, () => 1);
  assert.equal(await Promise.race([gone, Promise.resolve("nobody")]), "nobody");
});

Deno.test("followUs() names this process", () => {
  assert.deepEqual(followUs(), { LLORCH_LAUNCHER: String(Deno.pid) });
});
