import assert from "node:assert/strict";
import { join } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { createClient } from "#shared/http/client.ts";
import { HASHES } from "../../daemons/worker/engine/libllama/c/hashes.ts";
import { DEMO_MODEL, TOKEN, whenReady } from "../../daemons/worker/testing/worker.ts";
import { build } from "../../tools/build/build.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { namesIn } from "../support/portable.ts";
import { listeningUrl, type Program, ROOT, startCommand, within } from "../support/stack.ts";

const ARGS = ["--port=0", "--standalone", "--gpu=none", "--threads=1", `--model=${DEMO_MODEL}`];

/** Why a built worker ended. */
async function reasonOf(worker: Program): Promise<string> {
  let log = "";
  for await (const line of worker.lines) log += `${line}\n`;
  assert.notEqual((await within(worker.status, "the worker has ended")).code, 0);
  return log + worker.stderr();
}

Deno.test({
  name: "a portable worker has its thread and the libraries as files, and refuses changed ones",
  ignore: Deno.build.target !== "x86_64-unknown-linux-gnu",
}, async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const args = ["worker", "cpu", "--runtime=portable", "--out", dir];
    await build(planBuild(args, Deno.build.target, ROOT), () => {});
    const runtime = join(dir, "runtime");
    const start = () =>
      startCommand(join(dir, "llorch-candled"), ARGS, {
        [ENV.workerToken]: TOKEN,
        [ENV.runtimeDir]: runtime,
      });
    const ready = async () => {
      const worker = start();
      try {
        const url = await listeningUrl(worker);
        await within(whenReady(createClient({ baseUrl: url, token: TOKEN })), "it is ready");
      } finally {
        worker.kill("SIGKILL");
        await worker.status;
      }
    };

    await ready();
    const app = join(runtime, namesIn(runtime).find((name) => name.startsWith("llorch-candled"))!);
    const libraries = join(app, "llama/linux-x64");
    await t.step("it carries what it opens, and no more", () => {
      assert.ok(namesIn(app).includes("thread.js"));
      assert.deepEqual(namesIn(join(app, "llama")), ["linux-x64"]);
      assert.deepEqual(namesIn(libraries), Object.keys(HASHES["linux-x64"]).sort());
      assert.ok(!namesIn(app).includes("node_modules"));
    });
    await t.step("a library with another byte is refused", async () => {
      const file = namesIn(libraries).find((name) => name.startsWith("libllama."))!;
      const path = join(libraries, file);
      const bytes = await Deno.readFile(path);
      bytes[bytes.length - 1]! ^= 1;
      await Deno.writeFile(path, bytes);
      const reason = await reasonOf(start());
      assert.ok(
        reason.includes(`Cannot use llama.cpp in ${libraries}: ${file} is damaged`),
        reason,
      );
      assert.ok(reason.includes(`remove ${app}: the next start unpacks it again`), reason);
    });
    await t.step("it works again after what the message says", async () => {
      await Deno.remove(app, { recursive: true });
      await ready();
    });
    await t.step("a library that everyone may change is refused", async () => {
      await Deno.chmod(libraries, 0o777);
      const reason = await reasonOf(start());
      assert.ok(reason.includes(`everyone may change it; chmod go-w ${libraries}`), reason);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
