import assert from "node:assert/strict";
import { planImages } from "./plan.ts";

const HOST = "x86_64-unknown-linux-gnu";

Deno.test("planImages() makes every image, for this machine, on Debian's packages", () => {
  const { images, base, target, out } = planImages([], HOST, "/w");
  assert.deepEqual(images.map(({ folder }) => folder), ["orchestrator", "pool-manager", "worker"]);
  assert.deepEqual(base, { kind: "debian" });
  assert.equal(target.triple, HOST);
  assert.equal(out, `/w/dist/${HOST}/images`);
  assert.deepEqual(
    images[1]!.artifacts.map(({ file }) => file),
    ["pool-managerd", "llorch-candled-cpu", "llorch"],
  );
});

Deno.test("planImages() makes images of Linux on other systems", () => {
  const { target } = planImages(["worker"], "aarch64-apple-darwin", "/w");
  assert.equal(target.triple, "aarch64-unknown-linux-gnu");
});

Deno.test("planImages() resolves folders, and keeps URLs", () => {
  const args = ["pool-manager", "--backend=cuda", "--base=oci:base:12", "--packages=debs"];
  const plan = planImages([...args, "--out=made"], HOST, "/w");
  assert.deepEqual(plan.base, { kind: "oci", folder: "/w/base", ref: "12" });
  assert.equal(plan.packages, "/w/debs");
  assert.equal(plan.out, "/w/made");
  assert.equal(plan.images[0]!.folder, "pool-manager-cuda");
  const url = "http://mirror.example/debian";
  assert.equal(planImages([`--packages=${url}`], HOST, "/w").packages, url);
});

Deno.test("planImages() refuses what cannot be made, and says what can", () => {
  for (
    const [args, message] of [
      [["orchestator"], 'Unknown image "orchestator": did you mean orchestrator?'],
      [["worker", "--backend=cudo"], 'Unknown backend "cudo": did you mean cuda?'],
      [
        ["worker", "--backend=cuda"],
        "Cannot make an image for cuda on Debian's packages alone: name an image with the libraries " +
        "of cuda by --base oci:DIR",
      ],
      [
        ["worker", "--base=docker.io/x"],
        'Unknown base "docker.io/x": write oci:DIR, or oci:DIR:NAME if the layout has several images',
      ],
      [
        ["worker", "--target=x86_64-apple-darwin"],
        "Cannot make an image for x86_64-apple-darwin: name a Linux with --target",
      ],
      [
        ["worker", "--backend=cuda", "--target=aarch64-unknown-linux-gnu"],
        "There is no worker for cuda on aarch64-unknown-linux-gnu: it has cpu",
      ],
    ] as const
  ) {
    assert.throws(() => planImages(args, HOST, "/w"), { name: "UsageError", message });
  }
});
