import assert from "node:assert/strict";
import { join } from "node:path";
import { findTarget } from "./targets.ts";
import { compareVersions, highest, needsOf, platformOf } from "./native.ts";

/** Gives the platform of a file with these bytes at the beginning. */
async function platformOfBytes(...parts: [at: number, bytes: number[]][]) {
  const file = await Deno.makeTempFile();
  const content = new Uint8Array(4096);
  for (const [at, bytes] of parts) content.set(bytes, at);
  try {
    await Deno.writeFile(file, content);
    return await platformOf(file);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("platformOf() reads which platform a program is for", async () => {
  const { os, arch } = findTarget(Deno.build.target);
  assert.deepEqual(await platformOf(Deno.execPath()), { os, arch });
  assert.deepEqual(
    await platformOfBytes([0, [0x7f, 0x45, 0x4c, 0x46, 2, 1]], [18, [0xb7, 0]]),
    { os: "linux", arch: "arm64" },
  );
  assert.deepEqual(
    await platformOfBytes([0, [0xcf, 0xfa, 0xed, 0xfe]], [4, [0x0c, 0, 0, 1]]),
    { os: "darwin", arch: "arm64" },
  );
  assert.deepEqual(
    await platformOfBytes([0, [0x4d, 0x5a]], [0x3c, [0x80]], [0x80, [
      0x50,
      0x45,
      0,
      0,
      0x64,
      0x86,
    ]]),
    { os: "win32", arch: "x64" },
  );
});

Deno.test("platformOf() takes a script, an empty file and another processor for no program", async () => {
  assert.equal(await platformOfBytes([0, [0x23, 0x21]]), undefined);
  assert.equal(await platformOfBytes([0, [0x7f, 0x45, 0x4c, 0x46, 2, 1]], [18, [8, 0]]), undefined);
  const file = await Deno.makeTempFile();
  assert.equal(await platformOf(file), undefined);
  await Deno.remove(file);
});

Deno.test({
  name: "needsOf() reads what deno needs, and leaves out what is among the files",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const needs = await needsOf([Deno.execPath()]);
    assert.match(needs["libc.so.6"]!.join(), /^GLIBC_2\.\d+$/);
    assert.ok("libgcc_s.so.1" in needs, Object.keys(needs).join());
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      await Deno.writeTextFile(join(dir, "libgcc_s.so.1"), "");
      assert.ok(!("libgcc_s.so.1" in await needsOf([Deno.execPath(), join(dir, "libgcc_s.so.1")])));
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

Deno.test("highest() takes the highest version of each kind by its numbers", () => {
  const said = ["GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE", "CXXABI_1.3.9", "CXXABI_1.3.13"];
  assert.deepEqual(highest(said), ["CXXABI_1.3.13", "GLIBC_2.34"]);
  assert.ok(compareVersions("GLIBC_2.4", "GLIBC_2.3.4") > 0);
  assert.ok(compareVersions("GLIBC_2.3", "GLIBC_2.3.4") < 0);
});
