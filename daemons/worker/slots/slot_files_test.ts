import assert from "node:assert/strict";
import { join } from "node:path";
import { workerEvent } from "#shared/contracts/events.ts";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { LlorchError } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import { writeRandomModel } from "../../../tests/support/models.ts";
import { loadLibllama } from "../engine/libllama/load.ts";
import type { LoadEngine } from "../engine/engine.ts";
import { FakeEngine } from "../testing/fake_engine.ts";
import { request } from "../testing/generator.ts";
import { openWorker, whenReady } from "../testing/worker.ts";

const codeIs = (code: string) => (error: unknown) =>
  error instanceof LlorchError && error.code === code;

/** Runs `work` with a worker that may save its slots in `dir`. */
async function using(
  dir: string | undefined,
  fields: Record<string, unknown>,
  work: (client: Client) => Promise<void>,
  load: LoadEngine = loadLibllama,
): Promise<void> {
  const { worker, client } = await openWorker(load, {
    stop_deadline_ms: 1000,
    ...(dir === undefined ? {} : { saved_slots_dir: dir }),
    ...fields,
  });
  try {
    await whenReady(client);
    await work(client);
  } finally {
    await worker.close();
  }
}

async function withDir(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The answer to a prompt, and the number of prompt tokens from the cache. */
async function answer(client: Client, prompt: readonly number[]) {
  const body = request({ prompt_tokens: prompt, max_tokens: 12, logprobs: 1 });
  const { events } = await client.stream(workerRoutes.execute, { body });
  const ids: number[] = [];
  for await (const { event, data } of events) {
    const each = workerEvent.parse({ event, data: JSON.parse(data) });
    if (each.event === "token") ids.push(...each.data.ids);
    if (each.event === "end") return { ids, cached: each.data.tokens_cached };
    assert.notEqual(each.event, "error", data);
  }
  throw new Error("The stream ended without an end");
}

const call = (n: number, path: string) => ({ params: { n }, body: { path } });
const PROMPT = Array.from({ length: 300 }, (_, at) => 300 + (at * 37) % 150);

Deno.test("a slot is saved, restored by another worker with the same settings, and its prompt is not read again", () =>
  withDir(async (dir) => {
    const model = join(dir, "random.gguf");
    writeRandomModel(model, { vocabulary: 512 });
    const slots = join(dir, "slots");
    await Deno.mkdir(slots);
    const path = join(slots, "a");
    const settings = { model, context: 512, slots: 2 };
    let cold: number[] = [];
    await using(slots, settings, async (client) => {
      const first = await answer(client, PROMPT);
      assert.equal(first.cached, 0);
      cold = first.ids;
      const before = Date.now();
      const saved = await client.call(workerRoutes.saveSlot, call(0, path));
      assert.equal(saved.tokens, PROMPT.length + 11, "all tokens but the last one were evaluated");
      const { size, mode, mtime } = await Deno.stat(path);
      assert.equal(size, saved.bytes);
      assert.equal(mode! & 0o777, 0o600);
      assert.ok(mtime!.getTime() <= before, "the file has the time of the slot's last use");

      const empty = await client.call(workerRoutes.saveSlot, call(1, join(slots, "b")));
      assert.deepEqual([empty.tokens, empty.bytes], [0, 0]);
      await assert.rejects(client.call(workerRoutes.saveSlot, call(0, path)), codeIs("CONFLICT"));
      await assert.rejects(
        client.call(workerRoutes.saveSlot, call(2, join(slots, "c"))),
        codeIs("NOT_FOUND"),
      );
      const hostile = [
        `${slots}/s\0x`,
        `${slots}/${"n".repeat(256)}`,
        `${slots}/${"ö".repeat(128)}`,
      ];
      for (const wrong of [join(dir, "x"), `${slots}/../x`, "x", slots, `${slots}/.`, ...hostile]) {
        for (const route of [workerRoutes.saveSlot, workerRoutes.restoreSlot]) {
          await assert.rejects(client.call(route, call(0, wrong)), (error) => {
            assert.match(JSON.stringify((error as LlorchError).details), /"field":"path"/);
            return codeIs("INVALID_REQUEST")(error);
          });
        }
      }
    });
    assert.deepEqual(await Array.fromAsync(Deno.readDir(slots), ({ name }) => name), ["a"]);

    await using(slots, settings, async (client) => {
      const restored = await client.call(workerRoutes.restoreSlot, call(1, path));
      assert.equal(restored.tokens, PROMPT.length + 11);
      const warm = await answer(client, PROMPT);
      assert.deepEqual(warm, { ids: cold, cached: PROMPT.length - 1 });
    });

    const whole = await Deno.readFile(path);
    await using(slots, settings, async (client) => {
      const places = [0, 300, whole.length >> 1, whole.length - 1];
      const changed = places.map((place) => whole.with(place, whole[place]! ^ 64));
      for (const damaged of [whole.subarray(0, whole.length / 2), new Uint8Array(), ...changed]) {
        await Deno.writeFile(path, damaged);
        await assert.rejects(
          client.call(workerRoutes.restoreSlot, call(0, path)),
          (error) => codeIs("CONFLICT")(error) && /damaged/.test((error as Error).message),
        );
      }
      await assert.rejects(
        client.call(workerRoutes.restoreSlot, call(0, join(slots, "none"))),
        codeIs("NOT_FOUND"),
      );
      assert.deepEqual(await answer(client, PROMPT), { ids: cold, cached: 0 });
    });
  }));

Deno.test("a slot saved with another model or other settings is refused", () =>
  withDir(async (dir) => {
    const [model, other] = [join(dir, "random.gguf"), join(dir, "other.gguf")];
    writeRandomModel(model, { vocabulary: 512 });
    writeRandomModel(other, { vocabulary: 512, layers: 1 });
    const path = join(dir, "a");
    const settings = { model, context: 512 };
    await using(dir, settings, async (client) => {
      await answer(client, PROMPT);
      assert.ok((await client.call(workerRoutes.saveSlot, call(0, path))).tokens > 0);
    });
    const template = join(dir, "t.jinja");
    await Deno.writeTextFile(template, "{{ messages[0].content }}");
    const changes = [
      { model: other },
      { context: 500 },
      { cache_type_k: "q8_0" },
      { chat_template_file: template },
    ];
    for (const change of changes) {
      await using(dir, { ...settings, ...change }, async (client) => {
        await assert.rejects(
          client.call(workerRoutes.restoreSlot, call(0, path)),
          (error) => codeIs("CONFLICT")(error) && /this model/.test((error as Error).message),
        );
      });
    }
  }));

Deno.test("a slot in use is not saved, and a worker without a folder saves no slot", () =>
  withDir(async (dir) => {
    const engine = (stepMs: number) => () => Promise.resolve(new FakeEngine({ stepMs }));
    await using(dir, {}, async (client) => {
      const { events } = await client.stream(workerRoutes.execute, { body: request() });
      await events.next();
      await assert.rejects(
        client.call(workerRoutes.saveSlot, call(0, join(dir, "a"))),
        codeIs("CONFLICT"),
      );
      assert.deepEqual(await Array.fromAsync(Deno.readDir(dir)), []);
      await events.return(undefined);
    }, engine(5));
    await using(undefined, {}, async (client) => {
      await assert.rejects(
        client.call(workerRoutes.saveSlot, call(0, join(dir, "a"))),
        codeIs("NOT_FOUND"),
      );
    }, engine(0));
  }));
