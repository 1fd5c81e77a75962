import assert from "node:assert/strict";
import { relative } from "node:path";
import { findDenort } from "./denort.ts";
import { findTarget } from "./targets.ts";

const here = findTarget(Deno.build.target);
const elsewhere = findTarget("x86_64-pc-windows-msvc");

async function reasonFor(named: string, target = here): Promise<string> {
  const found = await findDenort(target, () => named);
  return found.kind === "missing" ? found.reason : "";
}

Deno.test("findDenort() takes what DENORT_BIN names, from wherever it was named", async () => {
  const own = Deno.execPath();
  const found = { kind: "found", env: { DENORT_BIN: own }, from: own };
  assert.deepEqual(await findDenort(here, () => own), found);
  assert.deepEqual(await findDenort(here, () => relative(Deno.cwd(), own)), found);
});

Deno.test("findDenort() says so when DENORT_BIN names no file, or no program", async () => {
  assert.match(
    await reasonFor("/no/denort"),
    /^DENORT_BIN names \/no\/denort, which is no file: set DENORT_BIN to denort [\d.]+, or use --runtime=portable$/,
  );
  const script = await Deno.makeTempFile();
  await Deno.writeTextFile(script, "#!/bin/sh\n");
  assert.match(await reasonFor(script), /which is no program: set DENORT_BIN/);
  await Deno.remove(script);
});

Deno.test({
  name: "findDenort() refuses a program of another platform, and offers what there is for it",
  ignore: Deno.build.os === "windows",
  async fn() {
    assert.match(
      await reasonFor(Deno.execPath(), elsewhere),
      /, a program for \w+ \w+, not for win32 x64: set DENORT_BIN to denort [\d.]+$/,
    );
  },
});
