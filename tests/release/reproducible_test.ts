import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { digestOf } from "../../tools/build/archive.ts";
import { build } from "../../tools/build/build.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { makePackages } from "../../tools/package/main.ts";
import { ROOT } from "../support/stack.ts";

/** Builds and packs below a folder; returns the hash of each file by name. */
async function make(dir: string, umask: number): Promise<Record<string, string>> {
  const before = Deno.umask(umask);
  try {
    return await makeAll(dir);
  } finally {
    Deno.umask(before);
  }
}

async function makeAll(dir: string): Promise<Record<string, string>> {
  const args = ["orchestrator", "worker", "--runtime=portable", "--out", join(dir, "dist")];
  const plan = planBuild(args, Deno.build.target, ROOT);
  const steps: string[] = [];
  const entries = await build(plan, (line) => {
    // The lines of all steps come before the first executable is in its place.
    if (!/ MB, portable$/.test(line)) {
      steps.push(line);
      assert.deepEqual(visible(plan.out), [], line);
    }
  });
  assert.match(
    steps.join("\n"),
    /orchestratord: bundling .*\n(.*\n)*.*fetching llama\.cpp for cpu/,
  );
  const packages = await makePackages(["tarball"], plan.target, plan.out, join(dir, "packages"));
  const digests = packages.map(async (path) => [basename(path), (await digestOf(path)).sha256]);
  return {
    ...Object.fromEntries(entries.map(({ file, sha256 }) => [file, sha256])),
    ...Object.fromEntries(await Promise.all(digests)),
  };
}

/** Names in a folder, without hidden ones. */
function visible(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name)
    .filter((name) => !name.startsWith("."));
}

Deno.test("a build reports in one sentence that its folder is not writable", async () => {
  const file = await Deno.makeTempFile();
  try {
    const plan = planBuild(["cli", "--out", join(file, "dist")], Deno.build.target, ROOT);
    await assert.rejects(
      build(plan, () => {}),
      /Cannot write to the folder .*; choose another with/,
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test({
  name: "the same commit gives the same bytes, wherever and whenever it is built",
  ignore: Deno.build.os === "windows", // No portable form there.
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      let first: Record<string, string> = {};
      await t.step("built once", async () => {
        first = await make(join(dir, "a"), 0o022);
        assert.equal(Object.keys(first).length, 3);
      });
      await t.step("built again in another folder, with another umask", async () => {
        assert.deepEqual(await make(join(dir, "another", "place"), 0o077), first);
      });
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
