/**
 * Some families through the whole service, as clients of `/v2` and `/v1` see them, and with a worker
 * that is killed in the middle of a thought and of a call.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { llamaSource } from "../../support/llama_source.ts";
import { scriptWord } from "../../support/script_model.ts";
import { killIfAlive, type Service, withService } from "../../support/service.ts";
import {
  type Answer,
  fromChunks,
  fromEvents,
  fromReply,
  type RawEvent,
  tokensOf,
} from "./answers.ts";
import { faultsOf, shownMarks, TOOLS } from "./expectations.ts";
import { type Family, SCRIPTS } from "./families.ts";
import { familyOf, writeFamily } from "./family_file.ts";
import { KNOWN_STEPS } from "./known_failures.ts";
import { longScript } from "./long_script.ts";
import { ask } from "./table.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

/** Families with thoughts and calls of all kinds. */
const ASKED = [
  "Qwen 3",
  "gpt-oss",
  "Gemma 4",
  "GLM 4.7 Flash",
  "DeepSeek V3.1",
  "Kimi K2 Thinking",
];

/** Families whose worker is killed. */
const KILLED = ["Qwen 3", "GLM 4.7 Flash"];

const modelName = (family: Family) => family.name.toLowerCase().replace(/[^a-z0-9.]+/g, "-");

Deno.test({
  name: `thoughts and calls of some families reach clients of /v2 and /v1${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    await withFamilies(ASKED, source.folder, undefined, async (families, { orchestratord }) => {
      for (const family of families) {
        for (const [kind, send] of Object.entries(CLIENTS)) {
          for (const script of SCRIPTS) {
            if (script === "parallel" && family.parallel === false) continue;
            await step(t, `${family.name}, ${kind}: ${script}`, async () => {
              const request = { model: modelName(family), ...ask(family, script) };
              const answer = await send(orchestratord.url, request);
              assert.deepEqual(faultsOf(family, script, answer), {});
              assert.deepEqual(shownMarks(family, answer), []);
            });
          }
        }
      }
    });
  },
});

Deno.test({
  name:
    `kill -9 of the worker within a thought and within a call changes nothing for the client${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    await withFamilies(KILLED, source.folder, longScript, async (families, service) => {
      for (const family of families) {
        const request = {
          ...{ model: modelName(family), temperature: 0, tools: TOOLS },
          messages: [{ role: "user", content: `Say ${scriptWord(0)}` }],
        };
        const whole = await eventsOf(service.orchestratord.url, request, () => {});
        for (const channel of ["reasoning", "call"]) {
          await step(t, `${family.name}: killed within ${channel}`, async () => {
            // A fast worker may be done before it is killed: then the job is run again.
            let attempts = 0;
            for (let tries = 0; tries < 10 && attempts !== 2; tries++) {
              let seen = 0;
              let job = "";
              const killed = await eventsOf(service.orchestratord.url, request, async (event) => {
                const data = event.data as { readonly job_id?: string; readonly channel?: string };
                job = data.job_id ?? job;
                if (event.event !== "token" || data.channel !== channel || ++seen !== 5) return;
                for (const { pid } of await service.workers()) killIfAlive(pid);
              });
              assert.deepEqual(shown(killed), shown(whole));
              assert.deepEqual(fromEvents(killed), fromEvents(whole));
              const reply = await fetch(`${service.orchestratord.url}/v2/tasks/${job}`);
              attempts = (await reply.json()).attempts.length;
            }
            assert.equal(attempts, 2, "it was killed in time");
          });
        }
      }
    });
  },
});

/** Events as a client sees them; ids of calls follow from the job. */
function shown(events: readonly RawEvent[]): string[] {
  return tokensOf(events).map(({ t, i, channel, call }) =>
    JSON.stringify({ t, i, channel, call: call && { index: call.index, name: call.name } })
  );
}

async function withFamilies(
  names: readonly string[],
  folder: string,
  scripts: ((family: Family) => string[][]) | undefined,
  test: (families: readonly Family[], service: Service) => Promise<void>,
): Promise<void> {
  const models = await Deno.makeTempDir({ prefix: "llorch-families-" });
  const families = names.map(familyOf);
  try {
    for (const family of families) {
      const path = join(models, `${modelName(family)}.gguf`);
      await writeFamily(path, family, folder, scripts?.(family));
    }
    await withService(models, (service) => test(families, service), {
      poolManagerd: "worker.threads = 1",
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
}

/** A step that is known to fail must fail. */
async function step(t: Deno.TestContext, name: string, body: () => Promise<void>): Promise<void> {
  const isKnown = KNOWN_STEPS.some((each) => each.test(name));
  await t.step(isKnown ? `${name} (known to fail)` : name, async () => {
    if (isKnown) await assert.rejects(body, "It works, but is a known failure");
    else await body();
  });
}

type Request = Readonly<Record<string, unknown>>;

async function post(url: string, body: Request): Promise<Response> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
  return response;
}

async function eventsOf(
  url: string,
  request: Request,
  onEvent: (event: RawEvent) => void | Promise<void>,
): Promise<RawEvent[]> {
  const { job_id } = await (await post(`${url}/v2/tasks`, request)).json();
  const response = await fetch(`${url}/v2/tasks/${job_id}/events`);
  const events: RawEvent[] = [];
  for await (const { event, data } of readSse(response.body!)) {
    events.push({ event, data: JSON.parse(data) });
    await onEvent(events.at(-1)!);
  }
  return events;
}

/** How each kind of client asks. */
const CLIENTS: Readonly<Record<string, (url: string, request: Request) => Promise<Answer>>> = {
  "/v2": async (url, request) => fromEvents(await eventsOf(url, request, () => {})),
  "/v1 whole": async (url, request) =>
    fromReply(await (await post(`${url}/v1/chat/completions`, request)).json()),
  "/v1 streamed": async (url, request) => {
    const response = await post(`${url}/v1/chat/completions`, { ...request, stream: true });
    const chunks: unknown[] = [];
    for await (const { data } of readSse(response.body!)) {
      if (data !== "[DONE]") chunks.push(JSON.parse(data));
    }
    return fromChunks(chunks);
  },
};
