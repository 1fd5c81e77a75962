import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { ENDLESS_CONTEXT } from "../support/counting_job.ts";
import { writeCounterModel } from "../support/models.ts";
import { follow, run, until, withStack } from "../support/stack.ts";

const task = { prompt: "w7", max_tokens: 3, temperature: 0 };

/** Writes a model of an unknown architecture, and one whose first tensor has an unknown format. */
async function writeUnloadable(dir: string): Promise<void> {
  const path = join(dir, "counter.gguf");
  const bytes = await Deno.readFile(path);
  const text = new TextDecoder("latin1").decode(bytes);
  const strange = text.replace(/llama(?=[^]{0,64}general|\.)/g, "zlama");
  const swapped = Uint8Array.from(strange, (char) => char.charCodeAt(0));
  const at = text.indexOf("general.architecture") + "general.architecture".length + 4 + 8;
  swapped.set(new TextEncoder().encode("zlama"), at);
  await Deno.writeFile(join(dir, "strange.gguf"), swapped);
  const future = bytes.slice();
  const name = "output_norm.weight";
  const dimensions = text.lastIndexOf(name) + name.length;
  const view = new DataView(future.buffer);
  view.setUint32(dimensions + 4 + 8 * view.getUint32(dimensions, true), 99, true);
  await Deno.writeFile(join(dir, "future.gguf"), future);
}

Deno.test("models that cannot be loaded, and models that go away", async (t) => {
  const models = await Deno.makeTempDir();
  writeCounterModel(join(models, "counter.gguf"), { numbers: 100 });
  await writeUnloadable(models);
  await Deno.copyFile(join(models, "counter.gguf"), join(models, "cut off.gguf"));
  await Deno.truncate(join(models, "cut off.gguf"), 300_000);
  try {
    const options = { models, model: "counter", slots: 1, context: ENDLESS_CONTEXT };
    await withStack(options, async ({ client, pids }) => {
      for (const model of ["strange", "future"]) {
        await t.step(`${model}: its job fails after one load, with the reason`, async () => {
          const events = await run(client, { ...task, model });
          const last = events.at(-1);
          assert.ok(last?.event === "error", JSON.stringify(last));
          assert.equal(last.data.code, "WORKER_START_FAILED");
          assert.equal(last.data.retriable, false);
          assert.match(last.data.message, /architecture|type or block size|tensor/);
          const { pools } = await client.call(routes.pools, {});
          assert.equal(pools.length, 1);
        });
      }

      await t.step(
        "a truncated file is listed with the reason why it cannot be loaded",
        async () => {
          const { unusable } = await client.call(routes.models, { query: {} });
          assert.deepEqual(unusable.map(({ name }) => name), ["cut off"]);
          assert.match(unusable[0]!.reason, /it is truncated/);
        },
      );

      await t.step("a waiting job whose model file is truncated ends within seconds", async () => {
        // The pool manager is suspended until the file is truncated, so that it loads nothing for
        // the job.
        Deno.kill(pids["pool-managerd"], "SIGSTOP");
        let ended: Awaited<ReturnType<typeof run>> | undefined;
        const second = join(models, "second.gguf");
        try {
          writeCounterModel(second, { numbers: 50 });
        } finally {
          Deno.kill(pids["pool-managerd"], "SIGCONT");
        }
        await until("the change is known", async () => {
          const { models } = await client.call(routes.models, { query: {} });
          return models.some(({ aliases }) => aliases.includes("second"));
        });
        Deno.kill(pids["pool-managerd"], "SIGSTOP");
        const running = run(client, { ...task, model: "second" }).then((all) => ended = all);
        try {
          await until("it waits", async () => {
            const { jobs } = await client.call(routes.queue, {});
            return jobs.length > 0 || ended !== undefined;
          });
          await Deno.truncate(second, 1000);
        } finally {
          Deno.kill(pids["pool-managerd"], "SIGCONT");
        }
        const last = (await running).at(-1);
        assert.ok(last?.event === "error", JSON.stringify(last));
        assert.equal(last.data.code, "MODEL_NOT_FOUND");
        assert.match(
          last.data.message,
          /No pool has the model "second" any more: .*corrupt|cut|truncated/,
        );
      });

      await t.step(
        "a stream whose model file is overwritten in place ends, and is not continued",
        async () => {
          const third = join(models, "third.gguf");
          const shape = { layers: 8, width: 512, kvHeads: 1 };
          writeCounterModel(third, { ...shape, numbers: 4000, context: ENDLESS_CONTEXT });
          await until("the change is known", async () => {
            const { models } = await client.call(routes.models, { query: {} });
            return models.some(({ aliases }) => aliases.includes("third"));
          });
          let last;
          const endless = { ...task, model: "third", max_tokens: 30_000, ignore_eos: true };
          for await (const event of follow(client, endless)) {
            if (event.event === "token" && last?.event !== "token") {
              using file = await Deno.open(third, { write: true });
              await file.write(new Uint8Array(1000));
            }
            last = event;
          }
          assert.ok(last?.event === "error", JSON.stringify(last));
          assert.equal(last.data.code, "MODEL_NOT_FOUND");
        },
      );
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
