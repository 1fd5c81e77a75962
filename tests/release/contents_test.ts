import assert from "node:assert/strict";
import { basename, join } from "node:path";
import { describe, readManifest, writeManifest } from "../../tools/build/manifest.ts";
import type { Needs } from "../../tools/build/native.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { output } from "../../tools/build/process.ts";
import { makePackages } from "../../tools/package/main.ts";
import { ROOT } from "../support/stack.ts";

const COMMIT = { commit: "1a2b3c4d5e6f", date: "2026-11-24", epoch: 1_790_000_000 };
const NEEDS: Needs = { "libc.so.6": ["GLIBC_2.27"], "libgcc_s.so.1": ["GCC_3.3"] };
const NEEDS_OF: Readonly<Record<string, Needs>> = {
  "llorch-candled-vulkan": { ...NEEDS, "libc.so.6": ["GLIBC_2.34"], "libvulkan.so.1": [] },
};

/** Packs scripts in place of executables, which is enough to check the contents of packages. */
async function withPackages(
  names: readonly string[],
  kinds: readonly string[],
  test: (files: ReadonlyMap<string, string>, dist: string) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const plan = planBuild([...names, "--target=x86_64-unknown-linux-gnu", "--out", dir], "", ROOT);
  try {
    const entries = await Promise.all(plan.artifacts.map(async (artifact) => {
      const { file } = artifact;
      await Deno.writeTextFile(join(dir, file), `#!/bin/sh\necho ${file}\n`);
      const needs = NEEDS_OF[file] ?? NEEDS;
      return describe(artifact, file, join(dir, file), plan.target, COMMIT, "portable", needs);
    }));
    await writeManifest(dir, entries);
    const paths = await makePackages(kinds, plan.target, dir, join(dir, "packages"));
    const short = (path: string) => basename(path).replace(/_[\d.]+_amd64\.deb$|\.tar\.gz$/, "");
    await test(new Map(paths.map((path) => [short(path), path])), dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

const hasDpkg = (await new Deno.Command("sh", {
  args: ["-c", "command -v dpkg-deb"],
  stdout: "null",
}).output()).success;

Deno.test({
  name: `each Debian package declares the dependencies of its program${
    hasDpkg ? "" : " (needs dpkg-deb)"
  }`,
  ignore: !hasDpkg,
  async fn() {
    await withPackages(["pool-manager", "worker", "vulkan"], ["deb"], async (files) => {
      assert.deepEqual([...files.keys()], ["llorch-worker-vulkan", "llorch-pool-managerd"]);
      const depends = (name: string) => output("dpkg-deb", ["-f", files.get(name)!, "Depends"]);
      assert.equal(
        await depends("llorch-worker-vulkan"),
        "libc6 (>= 2.34), libgcc-s1, libvulkan1",
      );
      assert.equal(
        await depends("llorch-pool-managerd"),
        "libc6 (>= 2.27), libgcc-s1, systemd | systemd-standalone-sysusers, " +
          "systemd | systemd-standalone-tmpfiles",
      );
      const licences = async (name: string) =>
        await output("sh", [
          ...[
            "-c",
            'dpkg-deb --fsys-tarfile "$1" | tar xO "./usr/share/doc/$2/$3" | gzip -d',
            "sh",
          ],
          ...[files.get(name)!, name, "THIRD_PARTY_LICENSES.gz"],
        ]);
      assert.match(await licences("llorch-worker-vulkan"), /linux-x64-vulkan/);
      assert.doesNotMatch(await licences("llorch-pool-managerd"), /llama/);
    });
  },
});

Deno.test("each archive has the default worker, and another GPU's worker only if its name says so", async () => {
  const names = ["cli", "worker", "cpu", "worker", "vulkan"];
  await withPackages(names, ["tarball"], async (files) => {
    const programs = await Promise.all([...files.values()].map(async (path) => {
      const listed = await output("tar", ["tzf", path]);
      return listed.split("\n").flatMap((line) => /\/bin\/(.+)$/.exec(line)?.[1] ?? []).sort();
    }));
    const common = ["llorch", "llorch-candled", "llorch-candled-cpu"];
    assert.deepEqual(programs, [common, [...common, "llorch-candled-vulkan"]]);
    assert.match([...files.keys()][1]!, /-linux-gnu-vulkan$/);
  });
});

Deno.test("packaging refuses an executable that is not the one that was built", async () => {
  await withPackages(["cli"], ["tarball"], async (_, dist) => {
    await Deno.writeTextFile(join(dist, "llorch"), "#!/bin/sh\necho lLorch\n");
    const { target } = planBuild(["--target=x86_64-unknown-linux-gnu"], "", ROOT);
    await assert.rejects(
      makePackages(["tarball"], target, dist, join(dist, "packages")),
      /Cannot pack .*\/llorch: it has .* run deno task build again/,
    );
  });
});

Deno.test("packaging refuses a worker whose libraries the bill of materials would not name", async () => {
  await withPackages(["cli"], ["tarball"], async (_, dist) => {
    const { executables } = await readManifest(dist);
    const own = executables.map((entry) => ({ ...entry, libraries: "source" as const }));
    await writeManifest(dist, own);
    const { target } = planBuild(["--target=x86_64-unknown-linux-gnu"], "", ROOT);
    await assert.rejects(
      makePackages(["tarball"], target, dist, join(dist, "packages")),
      /Cannot pack .*\/llorch: its llama\.cpp was built here, .*; build it without --libraries/,
    );
  });
});
