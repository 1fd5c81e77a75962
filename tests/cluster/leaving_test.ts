/**
 * What clients see while an orchestrator is stopped, and while the database is away.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { writeCounterModel } from "../support/models.ts";
import { WHY_NO_POSTGRES } from "../support/postgres.ts";
import { until, within } from "../support/stack.ts";
import { counted, read, readOn, submit, withCluster } from "./cluster.ts";

const SKIPPED = WHY_NO_POSTGRES ? ` (skipped: ${WHY_NO_POSTGRES})` : "";

/** Tokens of an answer that takes some seconds. */
const LONG = 1500;
/** Tokens of an answer of {@linkcode slowModels}: another orchestrator leads before it is whole. */
const LONGER = 2500;

/** A new folder whose `counter` takes about two milliseconds for a step. */
function slowModels(): string {
  const folder = Deno.makeTempDirSync({ prefix: "llorch-models-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));
  writeCounterModel(join(folder, "counter.gguf"), { numbers: 40_000 });
  return folder;
}

const completion = (url: string, tokens: number, stream: boolean) =>
  fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...{ model: "counter", prompt: " w1", max_tokens: tokens, temperature: 0, stream },
    }),
  });

/** A streamed completion that has begun, and its whole text. */
async function begin(url: string, tokens: number) {
  const reply = await completion(url, tokens, true);
  assert.equal(reply.status, 200);
  const begun = Promise.withResolvers<void>();
  const whole = (async () => {
    let text = "";
    for await (const { data } of readSse(reply.body!)) {
      if (data === "[DONE]") return text;
      text += JSON.parse(data).choices[0]?.text ?? "";
      begun.resolve();
    }
    throw new Error(`the stream broke off after ${text.length} characters`);
  })();
  await Promise.race([begun.promise, whole]);
  // In an object: a promise itself would be waited for.
  return { whole };
}

Deno.test({
  name: `a leader that is stopped fails no request, and its streams end whole${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: () =>
    withCluster(async (cluster) => {
      const first = await cluster.leader();
      const others = cluster.orchestrators.filter((one) => one !== first);
      const jobId = await submit(first.url, LONGER);
      const before = await read(first.url, jobId, 0, 20);

      let isOver = false;
      const failed: string[] = [];
      let sent = 0;
      const load = async ({ url }: { readonly url: string }) => {
        while (!isOver) {
          sent++;
          try {
            const reply = await completion(url, 3, false);
            const text = await reply.text();
            if (reply.status !== 200) failed.push(`${reply.status} ${text}`);
            await submit(url, 2);
          } catch (error) {
            failed.push(String(error));
            return;
          }
        }
      };
      const loads = others.map(load);
      await until("requests are answered", () => sent > 4);
      const running = await Promise.all(
        [first, others[0]!].map(({ url }) => begin(url, LONGER)),
      );
      first.program.kill("SIGTERM");
      await until(
        "another one leads",
        async () => (await cluster.leader()).url !== first.url,
      );
      const atHandOver = sent;
      await until("requests are answered by the next one", () => sent > atHandOver + 10);
      isOver = true;
      await Promise.all(loads);
      assert.deepEqual(failed, []);
      const held = others.flatMap(({ log }) => log)
        .find(({ event }) => event === "slots_held_elsewhere");
      assert.ok(Number(held?.["slots"]) >= 1, "the next one knows of the streams that go on");
      for (const stream of running) assert.equal(await stream.whole, counted(LONGER));
      assert.equal((await within(first.program.status, "it has ended")).code, 0);
      await readOn({ orchestrators: others }, jobId, LONGER, before);
    }, { models: slowModels(), settings: "stop_deadline_ms = 300000" }),
});

Deno.test({
  name: `the only orchestrator goes on with its streams while the database is away${SKIPPED}`,
  ignore: WHY_NO_POSTGRES !== undefined,
  fn: () =>
    withCluster(async ({ postgres, orchestrators: [only], leader }) => {
      await leader();
      const running = await begin(only!.url, LONG);
      const jobId = await submit(only!.url, LONG);
      await postgres.stop("immediate");
      const has = (name: string) => only!.log.some(({ event }) => event === name);
      await until("it decides nothing more", () => has("leads_not_now"));
      await postgres.start();
      await until("it leads again", () => has("leads_again"));
      assert.equal(await running.whole, counted(LONG));
      await readOn({ orchestrators: [only!] }, jobId, LONG);
      assert.ok(!has("leads_no_more"));
      const whole = await completion(only!.url, 3, false);
      assert.equal((await whole.json()).choices[0].text, counted(3));
    }, { replicas: 1 }),
});
