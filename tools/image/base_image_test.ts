import assert from "node:assert/strict";
import { join } from "node:path";
import { readBaseImage } from "./base_image.ts";
import { configOf } from "./config.ts";
import { textEntry } from "./entries.ts";
import { writeLayer } from "./layer.ts";
import { writeLayout } from "./layout.ts";
import { planImages } from "./plan.ts";

const COMMIT = { commit: "1a2b3c4d5e6f", date: "2026-11-24", epoch: 1_790_000_000 };

/** Writes a layout with an image that has CUDA's variables; runs a test with it. */
async function withBase(test: (folder: string, blobs: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const [own, blobs] = [join(dir, "own"), join(dir, "blobs")];
    await Deno.mkdir(own);
    await Deno.mkdir(blobs);
    const layer = await writeLayer(own, [textEntry("usr/lib/libcuda", "x")], "cuda");
    const config = {
      ...{ architecture: "amd64", os: "linux" },
      config: { Env: ["PATH=/cuda/bin", "LD_LIBRARY_PATH=/cuda", "HOME=/root"], User: "root" },
      rootfs: { type: "layers" as const, diff_ids: [layer.diffId] },
      history: [{ created_by: "cuda" }],
    };
    const folder = join(dir, "base");
    const image = { config, layers: [layer.descriptor], annotations: {} };
    await writeLayout(folder, image, own, "12");
    await test(folder, blobs);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("an image on another one has its layers and variables, and runs our program as nobody", async () => {
  await withBase(async (folder, blobs) => {
    const base = await readBaseImage({ folder }, "amd64", blobs);
    assert.match(base.digest!, /^sha256:[0-9a-f]{64}$/);
    const args = ["pool-manager", "--backend=cuda", `--base=oci:${folder}`];
    const spec = planImages(args, "x86_64-unknown-linux-gnu", "/").images[0]!;
    const ours = await writeLayer(blobs, [textEntry("usr/bin/x", "")], "llorch");
    const { config, rootfs, history } = configOf(spec, COMMIT, base, [ours]);
    assert.deepEqual(rootfs.diff_ids, [...base.diffIds, ours.diffId]);
    assert.equal(history?.length, 2);
    assert.equal(config?.User, "65534:65534");
    assert.equal(config?.StopSignal, "SIGTERM");
    assert.deepEqual(config?.Env, [
      "PATH=/cuda/bin",
      "LD_LIBRARY_PATH=/cuda",
      "HOME=/var/lib/llorch",
      "TMPDIR=/tmp",
      "STATE_DIRECTORY=/var/lib/llorch/pool-managerd",
    ]);
    assert.equal(config?.Labels?.["org.opencontainers.image.base.digest"], base.digest);
    assert.ok((await Deno.stat(join(blobs, base.layers[0]!.digest.slice(7)))).isFile);
  });
});

Deno.test("a base of another platform, a wrong name and a damaged blob are refused", async () => {
  await withBase(async (folder, blobs) => {
    await assert.rejects(
      readBaseImage({ folder }, "arm64", blobs),
      /Cannot use .*: it has no image for linux\/arm64; copy one, or choose --target/,
    );
    await assert.rejects(
      readBaseImage({ folder, ref: "13" }, "amd64", blobs),
      /Cannot use .*: it has no image "13", but 12/,
    );
    const index = JSON.parse(await Deno.readTextFile(join(folder, "index.json")));
    const manifest = join(folder, "blobs/sha256", index.manifests[0].digest.slice(7));
    await Deno.writeTextFile(manifest, await Deno.readTextFile(manifest) + " ");
    await assert.rejects(readBaseImage({ folder }, "amd64", blobs), /is damaged/);
    await assert.rejects(
      readBaseImage({ folder: join(folder, "nothing") }, "amd64", blobs),
      /it must be an OCI layout/,
    );
  });
});
