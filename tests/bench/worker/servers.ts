import { join } from "node:path";
import { delay } from "#shared/lifecycle.ts";
import { startExecutable } from "../../support/service.ts";
import { type Program, ROOT, startCommand, within } from "../../support/stack.ts";
import { freePort } from "../relay/proxies.ts";
import type { RawRequest } from "../relay/raw_stream.ts";
import { usageOf } from "../relay/usage.ts";

/** Settings that both servers get. */
export interface ServerSettings {
  readonly model: string;
  readonly threads: number;
  readonly slots: number;
  /** Tokens per slot. */
  readonly context: number;
  /** Number of a GPU; undefined: the CPU. */
  readonly gpu: string | undefined;
  /** Our worker's executable; undefined for the one in `LLORCH_BIN_DIR`, or the source. */
  readonly program?: string | undefined;
  /** More flags of our worker. */
  readonly ownFlags: readonly string[];
}

/** A server under measurement. */
export interface Server {
  readonly name: string;
  /** From its start until it takes work, in ms. */
  readonly loadMs: number;
  /** Text that occurs once in each token's event. */
  readonly word: string;
  request(prompt: readonly number[], tokens: number): RawRequest;
  rssBytes(): number;
  stop(): Promise<void>;
}

/** Sampling for both, as a client would ask for it. */
const SAMPLING = { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05 };
/** Time within which a server must be ready, in ms. */
const LOAD_DEADLINE_MS = 120_000;
const POLL_MS = 5;

/** Starts our worker, built (`LLORCH_BIN_DIR`) or from source. */
export async function startWorker(settings: ServerSettings, name = "llorch"): Promise<Server> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const args = [
    ...["--standalone", "--model", settings.model, "--port", String(port)],
    ...["--gpu", settings.gpu ?? "none", "--threads", String(settings.threads)],
    ...["--slots", String(settings.slots), "--context", String(settings.context)],
    ...["--log-level", "warning", ...settings.ownFlags],
  ];
  const program = settings.program === undefined
    ? startExecutable("llorch-candled", args)
    : startCommand(settings.program, args);
  await ready(program, `${url}/ready`);
  let jobs = 0;
  return {
    ...shared(name, program, began),
    word: "event: token",
    request: (prompt_tokens, max_tokens) => ({
      url: `${url}/execute`,
      body: {
        ...{ job_id: `job-${++jobs}`, attempt: 1, model: "bench", prompt_tokens, max_tokens },
        ...{ seed: jobs, ...SAMPLING },
      },
    }),
  };
}

/** Starts Debian's llama-server; see `tests/support/peer-llama-server`. */
export async function startLlamaServer(settings: ServerSettings): Promise<Server> {
  const port = freePort();
  const url = `http://127.0.0.1:${port}`;
  const began = performance.now();
  const program = startCommand(join(ROOT, "tests/support/peer-llama-server"), [
    ...["run", "llama-server", "--model", settings.model, "--port", String(port)],
    ...["--host", "127.0.0.1", "--threads", String(settings.threads), "--no-ui"],
    ...["--parallel", String(settings.slots)],
    ...["--ctx-size", String(settings.context * settings.slots)],
  ]);
  await ready(program, `${url}/health`);
  let jobs = 0;
  return {
    ...shared("llama-server", program, began),
    word: '"stop":false',
    request: (prompt, n_predict) => ({
      url: `${url}/completion`,
      body: { prompt, n_predict, stream: true, seed: ++jobs, ...SAMPLING },
    }),
  };
}

function shared(name: string, program: Program, began: number) {
  return {
    name,
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
