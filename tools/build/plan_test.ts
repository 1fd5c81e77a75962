import assert from "node:assert/strict";
import { planBuild } from "./plan.ts";

const HOST = "x86_64-unknown-linux-gnu";
const files = (...args: string[]) =>
  planBuild(args, HOST, "/w").artifacts.map((artifact) => artifact.file);

Deno.test("planBuild() makes everything when nothing is named", () => {
  const all = ["llorch", "orchestratord", "pool-managerd", "llorch-candled-cpu"];
  assert.deepEqual(files(), all);
  assert.deepEqual(files("all"), all);
  assert.deepEqual(files("all", "cli", "worker", "cpu", "worker"), all);
});

Deno.test("planBuild() takes several names, and a backend after worker", () => {
  assert.deepEqual(files("worker", "cuda", "cli"), ["llorch-candled-cuda", "llorch"]);
  assert.deepEqual(files("worker", "orchestrator"), ["llorch-candled-cpu", "orchestratord"]);
});

Deno.test("planBuild() takes a platform's own default backend and leaves out what it cannot run", () => {
  assert.deepEqual(files("worker", "--target=aarch64-apple-darwin"), ["llorch-candled-metal"]);
  assert.deepEqual(files("--target=x86_64-pc-windows-msvc"), ["llorch"]);
});

Deno.test("planBuild() puts files beside others of their platform", () => {
  assert.equal(planBuild([], HOST, "/w").out, `/w/dist/${HOST}`);
  assert.equal(planBuild(["--out=x"], HOST, "/w").out, "/w/x");
  assert.equal(planBuild(["--out", "/a/b"], HOST, "/w").out, "/a/b");
});

Deno.test("planBuild() names the word that is wrong", () => {
  const refused: [string[], RegExp][] = [
    [["orchestratord"], /^Unknown name "orchestratord": did you mean orchestrator\?/],
    [["worker", "cudo"], /^Unknown backend "cudo": did you mean cuda\?/],
    [["worker", "metal"], /^There is no worker for metal on x86_64-unknown-linux-gnu: it has cpu/],
    [["--target=arm"], /^Unknown target "arm": choose x86_64-unknown-linux-gnu, /],
    [["--runtime=wasm"], /^Unknown runtime "wasm": choose auto, compile, portable/],
    [["--libraries=sources"], /^Unknown libraries "sources": did you mean source\?/],
    [
      ["worker", "--libraries=source", "--target=aarch64-unknown-linux-gnu"],
      /^Cannot build llama\.cpp for aarch64-unknown-linux-gnu on x86_64-unknown-linux-gnu: leave out/,
    ],
    [["--fast"], /--fast/],
    [["pool-manager", "--target=x86_64-pc-windows-msvc"], /pool-managerd does not run on Windows/],
    [["--target=x86_64-pc-windows-msvc", "--runtime=portable"], /use --runtime=compile/],
  ];
  for (const [args, message] of refused) {
    assert.throws(() => planBuild(args, HOST, "/w"), { name: "UsageError", message });
  }
});
