import { join } from "node:path";
import { findExecutable } from "#shared/executables.ts";
import { forLlama } from "#shared/for_llama.ts";
import { delay } from "#shared/lifecycle.ts";
import { type Program, ROOT, startCommand, within } from "../../support/stack.ts";
import { freePort } from "../relay/proxies.ts";
import type { RawRequest } from "../relay/raw_stream.ts";
import { usageOf } from "../relay/usage.ts";
import { DEBIANS } from "./options.ts";

/** Settings that both servers get. */
export interface ServerSettings {
  readonly model: string;
  /** Tokens that may end a reply, which are never to be chosen. */
  readonly ends?: readonly number[];
  readonly threads: number;
  readonly slots: number;
  /** Tokens per slot. */
  readonly context: number;
  /** Number of a GPU; undefined: the CPU. */
  readonly gpu: string | undefined;
  /** Our worker's executable; undefined for the one in `LLORCH_BIN_DIR`, or the source. */
  readonly program?: string | undefined;
  /** More flags of our worker, and of llama-server. */
  readonly ownFlags: readonly string[];
  readonly peerFlags?: readonly string[];
}

/** What a request asks for besides tokens. */
export type RequestKind = "plain" | "penalties" | "grammar" | "logprobs";

/** A server under measurement. */
export interface Server {
  readonly name: string;
  readonly url: string;
  /** From its start until it takes work, in ms. */
  readonly loadMs: number;
  /** Text that occurs once in each token's event. */
  readonly word: string;
  request(prompt: readonly number[], tokens: number, kind?: RequestKind): RawRequest;
  rssBytes(): number;
  stop(): Promise<void>;
}

/** Sampling for both, as a client would ask for it. */
const SAMPLING = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };
/** Texts that end a reply and that no model of ours writes. */
const STOP = ["###", "\n\nUser:"];
const PENALTIES = { frequency_penalty: 0.1, presence_penalty: 0.1, stop: STOP };
/** Text of words: each token is checked, and most are allowed. */
const GRAMMAR = { grammar: 'root ::= " "? [a-zA-Z0-9]+ (" " [a-zA-Z0-9]+)*' };
/** Bias of tokens that are never to be chosen. */
const NEVER = -100;

/** The fields of each kind that our worker and llama-server name alike, and those of each. */
const FIELDS: Readonly<Record<RequestKind, { both: object; ours: object; theirs: object }>> = {
  plain: { both: {}, ours: {}, theirs: {} },
  penalties: {
    ...{ both: PENALTIES, ours: { repetition_penalty: 1.1 }, theirs: { repeat_penalty: 1.1 } },
  },
  grammar: { both: GRAMMAR, ours: {}, theirs: {} },
  logprobs: { both: {}, ours: { logprobs: 5 }, theirs: { n_probs: 5 } },
};
/** Time within which a server must be ready, in ms. */
const LOAD_DEADLINE_MS = 120_000;
const POLL_MS = 5;

/** Starts our worker, built (`LLORCH_BIN_DIR`) or from source. */
export async function startWorker(settings: ServerSettings, name = "llorch"): Promise<Server> {
  const { ends = [] } = settings;
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const args = [
    ...["--standalone", "--model", settings.model, "--port", String(port)],
    ...["--gpu", settings.gpu ?? "none", "--threads", String(settings.threads)],
    ...["--slots", String(settings.slots), "--context", String(settings.context)],
    ...["--log-level", "warning", ...settings.ownFlags],
  ];
  // As a pool manager and `llorch worker start` do.
  const worker = settings.program === undefined
    ? findExecutable("llorch-candled")
    : { command: settings.program, args: [] };
  const { command, args: words } = forLlama({ ...worker, args: [...worker.args, ...args] });
  const program = startCommand(command, words);
  await ready(program, `${url}/ready`);
  let jobs = 0;
  return {
    ...shared(name, program, url, began),
    word: "event: token",
    request: (prompt_tokens, max_tokens, kind = "plain") => ({
      url: `${url}/execute`,
      body: {
        ...{ job_id: `job-${++jobs}`, attempt: 1, model: "bench", prompt_tokens, max_tokens },
        ...{ seed: jobs, ...SAMPLING, ...FIELDS[kind].both, ...FIELDS[kind].ours },
        ...ends.length > 0 ? { logit_bias: Object.fromEntries(ends.map((id) => [id, NEVER])) } : {},
      },
    }),
  };
}

/** Starts a llama-server: `program`, or Debian's; see `tests/support/peer-llama-server`. */
export async function startLlamaServer(
  settings: ServerSettings,
  program: string = DEBIANS,
): Promise<Server> {
  const { ends = [] } = settings;
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const [command, ...first] = llamaServer(program);
  const started = startCommand(command!, [
    ...[...first, "--model", settings.model, "--port", String(port)],
    ...["--host", "127.0.0.1", "--threads", String(settings.threads), "--no-ui"],
    ...["--parallel", String(settings.slots)],
    ...["--ctx-size", String(settings.context * settings.slots)],
    ...settings.peerFlags ?? [],
  ]);
  await ready(started, `${url}/health`);
  let jobs = 0;
  return {
    ...shared("llama-server", started, url, began),
    word: '"stop":false',
    request: (prompt, n_predict, kind = "plain") => ({
      url: `${url}/completion`,
      body: {
        ...{ prompt, n_predict, stream: true, seed: ++jobs, ...SAMPLING },
        ...{ ...FIELDS[kind].both, ...FIELDS[kind].theirs },
        ...ends.length > 0 ? { logit_bias: ends.map((id) => [id, NEVER]) } : {},
      },
    }),
  };
}

/** The version of a llama-server, as it names it itself. */
export async function llamaServerVersion(program: string): Promise<string> {
  const [command, ...first] = llamaServer(program);
  const { stdout, stderr } = await new Deno.Command(command!, { args: [...first, "--version"] })
    .output();
  const text = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  return /version: .*/.exec(text)?.[0].trim() ?? "of an unknown version";
}

function llamaServer(program: string): readonly string[] {
  return program === DEBIANS
    ? [join(ROOT, "tests/support/peer-llama-server"), "run", DEBIANS]
    : [program];
}

function shared(name: string, program: Program, url: string, began: number) {
  return {
    ...{ name, url },
    loadMs: performance.now() - began,
    rssBytes: () => usageOf(program.pid).rssBytes,
    async stop() {
      program.kill("SIGTERM");
      await within(program.status, `${name} has stopped`).catch(() => program.kill("SIGKILL"));
    },
  };
}

/** Polls until the server is ready. */
async function ready(program: Program, url: string): Promise<void> {
  void drain(program);
  let ended = false;
  void program.status.then(() => ended = true);
  const giveUpAt = performance.now() + LOAD_DEADLINE_MS;
  while (!ended && performance.now() < giveUpAt) {
    const reply = await fetch(url).catch(() => undefined);
    await reply?.body?.cancel();
    if (reply?.ok) return;
    await delay(POLL_MS);
  }
  program.kill("SIGKILL");
  throw new Error(`Not ready: ${url}\n${program.stderr().split("\n").slice(-20).join("\n")}`);
}

/** Reads and drops what a program prints, so that it never blocks on a full pipe. */
async function drain({ lines }: Program): Promise<void> {
  for await (const _ of lines);
}
