/**
 * A worker whose libraries of llama.cpp were built from source, as `llorch build worker cpu --libraries source`
 * makes it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ENV } from "#shared/defaults.ts";
import { createClient } from "#shared/http/client.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { runProgram } from "#shared/run_program.ts";
import { request } from "../../daemons/worker/testing/generator.ts";
import { DEMO_MODEL, TOKEN, whenReady } from "../../daemons/worker/testing/worker.ts";
import { hasCompiler } from "../../tools/abi/compiler.ts";
import { build } from "../../tools/build/build.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { namesIn } from "../support/portable.ts";
import { listeningUrl, ROOT, startCommand, within } from "../support/stack.ts";

const hasTools = await hasCompiler() &&
  await runProgram({ command: "cmake", args: ["--version"] }).then(() => true, () => false);
const isUnix = Deno.build.os === "linux" || Deno.build.os === "darwin";

Deno.test({
  name: `a worker with libraries built from source opens them, and checks their own hashes${
    hasTools ? "" : " (skipped: needs cmake and cc)"
  }`,
  ignore: !hasTools || !isUnix,
}, async (t) => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const worker = join(dir, "llorch-candled");
  const runtime = join(dir, "runtime");
  const env = { [ENV.workerToken]: TOKEN, [ENV.runtimeDir]: runtime };
  const check = () => runProgram({ command: worker, args: ["libraries"] }, { env });
  try {
    const args = ["worker", "--libraries=source", "--runtime=portable", "--out", dir];
    const [entry] = await build(planBuild(args, Deno.build.target, ROOT), console.error);
    assert.equal(entry?.name, "llorch-candled");

    await t.step("it says that they were built from source, and that they match", async () => {
      const { code, stdout, stderr } = await check();
      assert.equal(code, 0, stderr);
      assert.match(stdout, /: llama\.cpp \S+ built from source, all \d+ hashes match$/m);
    });
    await t.step("it generates", async () => {
      const own = ["--port=0", "--standalone", "--threads=1", `--model=${DEMO_MODEL}`];
      const program = startCommand(worker, own, env);
      try {
        const client = createClient({ baseUrl: await listeningUrl(program), token: TOKEN });
        await within(whenReady(client), "the worker is ready");
        const body = request({ prompt: "a", max_tokens: 4, temperature: 0 });
        const { events } = await client.stream(workerRoutes.execute, { body });
        const kinds: string[] = [];
        for await (const { event } of events) kinds.push(event ?? "");
        assert.ok(kinds.includes("token") && kinds.at(-1) === "end", kinds.join(" "));
      } finally {
        program.kill("SIGKILL");
        await program.status;
      }
    });
    await t.step("it refuses a changed one", async () => {
      const app = join(
        runtime,
        namesIn(runtime).find((each) => each.startsWith("llorch-candled"))!,
      );
      const llama = join(app, "llama");
      const folder = join(llama, namesIn(llama)[0]!);
      const file = namesIn(folder).find((each) => /llama[.]/.test(each))!;
      await Deno.truncate(join(folder, file), 1_000);
      const { code, stderr } = await check();
      assert.equal(code, 1);
      assert.ok(stderr.includes(`${file} is damaged`), stderr);
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
