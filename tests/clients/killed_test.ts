/**
 * `kill -9` of a worker in the middle of a thought or a call changes no byte of a stream, in every
 * dialect, through the whole service.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  dialects,
  type DialectUnderTest,
  emptyAnswer,
  eventsOf,
  lastingParts,
} from "../../daemons/orchestratord/testing/dialects.ts";
import { TOOLS } from "../conformance/models/expectations.ts";
import { familyOf, writeFamily } from "../conformance/models/family_file.ts";
import { longScript } from "../conformance/models/long_script.ts";
import { llamaSource } from "../support/llama_source.ts";
import { scriptWord } from "../support/script_model.ts";
import { failovers, killIfAlive, type Service, withService } from "../support/service.ts";

/** Within what the worker is killed; Ollama sends a call when it is whole. */
const KILLED = [
  ["chat", "thought"],
  ["messages", "call"],
  ["responses", "call"],
  ["ollama", "thought"],
] as const;

const PING = '{"type":"ping"}';

/** A worker may have said everything before it is killed: then the question is asked again. */
const TRIES = 10;

const QUESTION = {
  content: `Say ${scriptWord(0)}`,
  temperature: 0,
  maxTokens: 4000,
  tools: TOOLS,
};

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

Deno.test({
  name: `kill -9 of a worker changes no byte of a stream, in every dialect${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    const models = await Deno.makeTempDir({ prefix: "llorch-killed-" });
    const family = familyOf("Qwen 3");
    try {
      const script = longScript(family);
      await writeFamily(join(models, "counter.gguf"), family, source.folder, script);
      await withService(models, async (service) => {
        for (const [name, channel] of KILLED) {
          const dialect = dialects[name]!;
          const whole = await eventsOf(service.orchestratord.url, dialect, QUESTION);
          await t.step(`${name}: within a ${channel}`, async () => {
            for (let tries = 0; tries < TRIES; tries++) {
              const before = await failovers(service);
              const killed = await killedWithin(channel, dialect, service);
              assert.deepEqual(uncached(killed), uncached(whole));
              if (await failovers(service) > before) return;
            }
            assert.fail("It was never killed in time");
          });
        }
      }, { poolManagerd: "worker.threads = 1" });
    } finally {
      await Deno.remove(models, { recursive: true });
    }
  },
});

/** The events of an answer whose worker is killed within its thought or its call. */
async function killedWithin(
  channel: string,
  dialect: DialectUnderTest,
  service: Service,
): Promise<string[]> {
  const answer = emptyAnswer();
  let killing: Promise<void> | undefined;
  const kill = async () => {
    for (const { pid } of await service.workers()) killIfAlive(pid);
  };
  const events = await eventsOf(service.orchestratord.url, dialect, QUESTION, {
    onEvent(data) {
      dialect.add(answer, data);
      const has = channel === "thought"
        ? answer.thoughts.length
        : answer.calls[0]?.arguments.length;
      if ((has ?? 0) > 20) killing ??= kill();
    },
  });
  assert.ok(killing, `it has a ${channel}`);
  await killing;
  return events;
}

/**
 * Lasting parts without what depends on which worker had evaluated the prompt before, and without pings,
 * which come where a stream was silent for a while.
 */
function uncached(events: readonly string[]): string[] {
  const cache = /"(?:cached_tokens|cache_read_input_tokens|input_tokens)":\d+/g;
  return lastingParts(events.filter((data) => data !== PING)).map((data) =>
    data.replace(cache, "").replace(/,"timings":\{[^}]*\}/, "")
  );
}
