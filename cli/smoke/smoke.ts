import { LinkedAbort } from "#shared/aborts.ts";
import {
  chatChunk,
  type JobEvent,
  jobEvent,
  orchestratorRoutes as routes,
} from "#shared/contracts/mod.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { explaining } from "../daemons/failure.ts";
import { ORCHESTRATORD } from "../daemons/kind.ts";

/** A stack to try. */
export interface SmokeTarget {
  readonly url: string;
  readonly token: string | undefined;
  /** See `trusting()`. */
  readonly http: Deno.HttpClient | undefined;
  /** Undefined: any that is loaded. */
  readonly model: string | undefined;
  readonly signal: AbortSignal;
}

/** What one check found. */
export interface SmokeResult {
  readonly name: string;
  readonly ok: boolean;
  readonly message: string;
  readonly ms: number;
}

/** Timeout of a call that does not generate, in milliseconds. */
const CALL_TIMEOUT_MS = 10_000;

/** Longest wait for an answer: the model may have to be loaded first. In milliseconds. */
const ANSWER_TIMEOUT_MS = 300_000;

/** A job may end by itself before its cancel arrives: at most this many jobs are tried. */
const CANCEL_TRIES = 3;

const FEW_TOKENS = 8;

interface Asked {
  readonly client: Client;
  readonly model: string;
  readonly signal: AbortSignal;
}

/** Checks a running stack from outside, one check after the other. */
export async function smokeTest({ url, token, http, model, signal }: SmokeTarget) {
  const client = explaining(
    createClient({ baseUrl: url, token, http, timeoutMs: CALL_TIMEOUT_MS }),
    ORCHESTRATORD,
  );
  const results: SmokeResult[] = [];
  const check = async <T>(name: string, work: () => Promise<readonly [T, string]>) => {
    const began = performance.now();
    const elapsed = () => Math.round(performance.now() - began);
    try {
      const [value, message] = await work();
      results.push({ name, ok: true, message, ms: elapsed() });
      return value;
    } catch (error) {
      signal.throwIfAborted();
      results.push({ name, ok: false, message: errorMessage(error), ms: elapsed() });
      return undefined;
    }
  };
  const call = { signal };
  const isAlive = await check("health", async () => {
    const { component, version } = await client.call(routes.health, {}, call);
    return [true, `${component} ${version}`];
  });
  // Nothing answers: the other checks would fail in the same way.
  if (!isAlive) return results;
  await check("ready", async () => {
    await client.call(routes.ready, {}, call);
    return [true, "can take work"];
  });
  await check("metrics", async () => {
    const text = await client.text(routes.metrics, {}, call);
    const count = text.split("\n").filter((line) => line.startsWith("orchd_")).length;
    if (count === 0) throw new Error("/metrics has no orchd_ metric");
    return [true, `${count} values`];
  });
  const chosen = await check("model", async () => {
    const name = await chooseModel(client, model, signal);
    return [name, name];
  });
  if (chosen === undefined) return results;
  using answers = new LinkedAbort(signal);
  answers.abortAfter(
    ANSWER_TIMEOUT_MS,
    () => new DOMException("Signal timed out.", "TimeoutError"),
  );
  const asked: Asked = { client, model: chosen, signal: answers.signal };
  await check("tokens /v2", async () => [true, await askTask(asked)]);
  await check("tokens /v1", async () => [true, await askChat(asked)]);
  await check("cancel", async () => [true, await cancelTask(asked)]);
  return results;
}

async function chooseModel(client: Client, wanted: string | undefined, signal: AbortSignal) {
  const { models } = await client.call(routes.models, {}, { signal });
  const name = (each: typeof models[number]) =>
    each.aliases.find((alias) => !/[/:]/.test(alias)) ?? each.model_ref;
  if (wanted !== undefined) {
    if (models.some((each) => each.model_ref === wanted || each.aliases.includes(wanted))) {
      return wanted;
    }
    throw new Error(`no pool has ${wanted}: there is ${models.map(name).join(", ") || "none"}`);
  }
  const loaded = models.find((each) => each.loaded);
  if (loaded !== undefined) return name(loaded);
  throw new Error(`none is loaded: choose one with --model (${models.map(name).join(", ")})`);
}

/** Events of a new task, each checked against the contract. */
async function* follow({ client, model, signal }: Asked, limit: { max_tokens?: number }) {
  const body = { model, prompt: "One, two, three", ...limit };
  const options = { signal, timeoutMs: ANSWER_TIMEOUT_MS };
  const { events } = await client.stream(routes.submit, { body }, options);
  for await (const { event, data } of events) {
    yield jobEvent.parse({ event, data: JSON.parse(data) });
  }
}

async function askTask(asked: Asked): Promise<string> {
  let last: JobEvent | undefined;
  for await (const event of follow(asked, { max_tokens: FEW_TOKENS })) {
    if (event.event === "error") throw new LlorchError(event.data.code, event.data.message);
    last = event;
  }
  if (last?.event !== "end") throw new Error("the stream broke off before its end");
  const { tokens_out, ttft_ms } = last.data;
  if (tokens_out === 0) throw new Error("the answer has no token");
  return `${tokens_out} ${tokens_out === 1 ? "token" : "tokens"}, the first after ${
    Math.round(ttft_ms)
  } ms`;
}

async function askChat({ client, model, signal }: Asked): Promise<string> {
  const { events } = await client.stream(routes.chat, {
    body: {
      model,
      messages: [{ role: "user", content: "Hello" }],
      max_tokens: FEW_TOKENS,
      stream: true,
    },
  }, { signal, timeoutMs: ANSWER_TIMEOUT_MS });
  let pieces = 0;
  for await (const { data } of events) {
    if (data === "[DONE]") {
      if (pieces === 0) throw new Error("the answer is empty");
      return `${pieces} ${pieces === 1 ? "piece" : "pieces"} of text`;
    }
    const chunk = chatChunk.parse(JSON.parse(data));
    if (chunk.choices[0]?.delta.content) pieces++;
  }
  throw new Error("the stream broke off before [DONE]");
}

async function cancelTask(asked: Asked): Promise<string> {
  for (let attempt = 1; attempt <= CANCEL_TRIES; attempt++) {
    const last = await startAndCancel(asked);
    if (last?.event === "error" && last.data.code === "CANCELLED") return "ended as cancelled";
    if (last?.event === "error") throw new LlorchError(last.data.code, last.data.message);
    if (last === undefined) throw new Error("the stream broke off");
  }
  throw new Error(`${CANCEL_TRIES} jobs ended by themselves before their cancel had an effect`);
}

/** Cancels a job as soon as it runs; gives the event that ended it. */
async function startAndCancel(asked: Asked): Promise<JobEvent | undefined> {
  const { client, signal } = asked;
  for await (const event of follow(asked, {})) {
    if (event.event === "started") {
      await client.call(routes.cancelTask, { params: { id: event.data.job_id } }, { signal });
    } else if (event.event === "end" || event.event === "error") return event;
  }
  return undefined;
}
