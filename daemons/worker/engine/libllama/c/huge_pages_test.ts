import assert from "node:assert/strict";
import { join } from "node:path";
import { reportsFreePages, useSmallPages } from "./huge_pages.ts";

Deno.test("reportsFreePages() looks at the features of each balloon", async () => {
  const folder = await Deno.makeTempDir();
  const balloon = async (name: string, features: string) => {
    await Deno.mkdir(join(folder, name));
    await Deno.writeTextFile(join(folder, name, "features"), features);
  };
  try {
    assert.equal(reportsFreePages(join(folder, "none")), false);
    assert.equal(reportsFreePages(folder), false);
    await balloon("module", "111111");
    await balloon("virtio0", "0110010000\n");
    assert.equal(reportsFreePages(folder), true);
    await Deno.writeTextFile(join(folder, "virtio0", "features"), "1111101111\n");
    assert.equal(reportsFreePages(folder), false);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test({
  name: "useSmallPages() turns huge pages off for this process",
  ignore: Deno.build.os !== "linux",
  fn() {
    const enabled = () => /^THP_enabled:\s+(\d)/m.exec(Deno.readTextFileSync("/proc/self/status"));
    if (!enabled()) return;
    useSmallPages();
    assert.equal(enabled()![1], "0");
  },
});
