import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { YOUNG_HEAP_FLAG } from "#shared/for_llama.ts";
import { addBackend, bundleApp } from "../../tools/build/app.ts";
import { compileApp } from "../../tools/build/compile.ts";
import { installBackend } from "../../tools/build/install.ts";
import { copySources, readCommit } from "../../tools/build/source.ts";
import { TARGETS } from "../../tools/build/targets.ts";

// With deno itself as the base the result is not one of our executables, but deno still lists the
// files that it would embed.
Deno.test("compile embeds each program, and the worker's native libraries", async () => {
  const target = TARGETS[0]!;
  const work = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const source = join(work, "source");
  const embedded = (executable: "llorch" | "orchestratord" | "llorch-candled", app: string) =>
    compileApp(executable, target, app, join(work, `${executable}.out`), {
      DENORT_BIN: Deno.execPath(),
    });
  try {
    await copySources(source, await readCommit(), "compile");
    const daemon = join(work, "orchestratord");
    await bundleApp("orchestratord", source, daemon);
    const service = await embedded("orchestratord", daemon);
    assert.match(service, /── main\.js/);
    assert.match(service, /── backup-\w+\.js/);
    assert.match(service, /^Files: [12]\.\d+MB$/m);

    const cli = join(work, "llorch");
    await bundleApp("llorch", source, cli);
    assert.match(await embedded("llorch", cli), /── change-\w+\.js/);

    const worker = join(work, "llorch-candled");
    await bundleApp("llorch-candled", source, worker);
    await addBackend(await installBackend("cpu", target, join(work, "cpu")), "cpu", target, worker);
    const listing = await embedded("llorch-candled", worker);
    const [, megabytes] = /── llama\/\* \(([\d.]+)MB/.exec(listing) ?? [];
    assert.ok(Number(megabytes) > 15 && Number(megabytes) < 50, listing);
    assert.match(listing, /── thread\.js/);
    assert.doesNotMatch(listing, /node_modules/);
    // What goes on with a load is read while the thread begins it.
    assert.match(listing, /── local_model-\w+\.js/);
    const flag = `"${YOUNG_HEAP_FLAG}"`;
    const holdsFlag = async (name: string) =>
      Buffer.from(await Deno.readFile(join(work, `${name}.out`))).includes(flag);
    assert.ok(await holdsFlag("llorch-candled"), "the young generation of workers is bounded");
    assert.ok(!await holdsFlag("orchestratord"));
  } finally {
    await Deno.remove(work, { recursive: true });
  }
});
