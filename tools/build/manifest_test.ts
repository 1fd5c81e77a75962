import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, readManifest, readSoundManifest, writeManifest } from "./manifest.ts";
import { TARGETS } from "./targets.ts";

const COMMIT = { commit: "1a2b3c4d5e6f", date: "2026-11-24", epoch: 1_790_000_000 };

/** Runs a test in a folder where two executables were built, one after the other. */
async function withTwo(test: (out: string) => Promise<void>): Promise<void> {
  const out = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    for (const executable of ["llorch", "orchestratord"] as const) await build(out, executable);
    await test(out);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

async function build(out: string, executable: "llorch" | "orchestratord"): Promise<void> {
  const path = join(out, executable);
  await Deno.writeTextFile(path, executable);
  const artifact = { executable, file: executable };
  const needs = { "libc.so.6": ["GLIBC_2.27"] };
  await writeManifest(out, [
    await describe(artifact, executable, path, TARGETS[0]!, COMMIT, "portable", needs),
  ]);
}

const filesOf = async (out: string) =>
  (await readManifest(out)).executables.map(({ file }) => file);

Deno.test("writeManifest() keeps what was built before", async () => {
  await withTwo(async (out) => {
    assert.deepEqual(await filesOf(out), ["llorch", "orchestratord"]);
    const { executables } = await readSoundManifest(out);
    assert.deepEqual(executables[0]?.needs, { "libc.so.6": ["GLIBC_2.27"] });
  });
});

Deno.test("writeManifest() forgets a file that is not what was built, and one that is gone", async () => {
  await withTwo(async (out) => {
    await Deno.writeTextFile(join(out, "orchestratord"), "orchestratore");
    await build(out, "llorch");
    assert.deepEqual(await filesOf(out), ["llorch"]);
    await build(out, "orchestratord");
    await Deno.remove(join(out, "llorch"));
    await build(out, "orchestratord");
    assert.deepEqual(await filesOf(out), ["orchestratord"]);
    assert.doesNotMatch(await Deno.readTextFile(join(out, "SHA256SUMS")), /llorch/);
  });
});

Deno.test("readSoundManifest() refuses a file that is damaged or missing", async () => {
  await withTwo(async (out) => {
    await Deno.writeTextFile(join(out, "llorch"), "LLORCH");
    const damaged =
      /Cannot pack .*\/llorch: it has 6 bytes and the SHA-256 .* manifest\.json says 6/;
    await assert.rejects(readSoundManifest(out), damaged);
    await Deno.remove(join(out, "llorch"));
    await assert.rejects(
      readSoundManifest(out),
      /llorch: it is missing; run deno task build again/,
    );
  });
});
