import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DENO_VERSION } from "#shared/version.ts";
import { BACKENDS, TARGETS } from "./targets.ts";

const HERE = dirname(fileURLToPath(import.meta.url));
const read = (path: string) => JSON.parse(Deno.readTextFileSync(join(HERE, path)));

Deno.test("each portable platform has an install folder that locks the deno we test with", () => {
  for (const { triple, os, denoPackage } of TARGETS) {
    if (os === "win32") continue;
    const specifier = `npm:${denoPackage}@${DENO_VERSION}`;
    assert.equal(read(`runtimes/${triple}/deno.json`).imports[denoPackage], specifier);
    assert.ok(read(`runtimes/${triple}/deno.lock`).specifiers[specifier]);
  }
});

Deno.test("each backend has an install folder that leaves the others' packages out", () => {
  const pinned = read("../../deno.json").imports["node-llama-cpp"].split("@").at(-1);
  for (const backend of BACKENDS) {
    const { dependencies, overrides } = read(`backends/${backend}/package.json`);
    assert.equal(dependencies["node-llama-cpp"], pinned);
    const wanted = TARGETS.flatMap((target) => target.backends[backend] ?? []);
    assert.ok(wanted.length > 0);
    for (const name of wanted) assert.ok(!(`@node-llama-cpp/${name}` in overrides), name);
    const packages = Object.keys(read(`backends/${backend}/deno.lock`).npm);
    const native = packages.filter((each) => each.startsWith("@node-llama-cpp/"))
      .map((each) => each.slice("@node-llama-cpp/".length).split("@")[0]!);
    assert.deepEqual(native.sort(), [...wanted].sort(), backend);
  }
});
