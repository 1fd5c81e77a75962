/**
 * The real stack for tests: `up` with its daemons and workers as processes, on free ports, with
 * generated models and its own state.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type JobEvent,
  jobEvent,
  orchestratorRoutes as routes,
  type TaskRequestInput,
  type WorkerView,
} from "#shared/contracts/mod.ts";
import { DEFAULT_CONTEXT } from "#shared/defaults.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { followUs } from "#shared/launcher.ts";
import { readLines } from "#shared/lines.ts";

/** Root folder of the repository. */
export const ROOT: string = fileURLToPath(new URL("../..", import.meta.url));

/** Longest wait for anything in a test, in milliseconds. */
const DEADLINE_MS = 120_000;

/** A program that a test has started. */
export interface Program {
  readonly pid: number;
  readonly status: Promise<Deno.CommandStatus>;
  /** Lines of stdout, as they come. */
  readonly lines: AsyncGenerator<string>;
  /** Everything on stderr so far. */
  stderr(): string;
  kill(signal: Deno.Signal): void;
}

/** Starts a script of the repository with one of its permission sets. */
export function startProgram(
  script: string,
  permissions: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  return startCommand(
    Deno.execPath(),
    ["run", "-q", "--no-prompt", `-P=${permissions}`, join(ROOT, script), ...args],
    env,
  );
}

/** Starts a command in the root folder of the repository. */
export function startCommand(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Program {
  const process = new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let errors = "";
  const drained = (async () => {
    for await (const line of readLines(process.stderr)) errors += line + "\n";
  })();
  return {
    pid: process.pid,
    status: process.status.then(async (status) => {
      await drained;
      return status;
    }),
    lines: readLines(process.stdout),
    stderr: () => errors,
    kill(signal) {
      try {
        process.kill(signal);
      } catch {
        // The process has ended already.
      }
    },
  };
}

/** URL of a daemon that a test has started; waits until its log says that it listens. */
export async function listeningUrl({ lines }: Pick<Program, "lines">): Promise<string> {
  return await within(read(), "it listens");
  async function read(): Promise<string> {
    for (let next = await lines.next(); !next.done; next = await lines.next()) {
      const { event, url } = JSON.parse(next.value);
      if (event === "listening") return url;
    }
    throw new Error("The daemon ended before it listened");
  }
}

/** A running stack. */
export interface Stack {
  readonly url: string;
  readonly poolUrl: string;
  readonly pids: { readonly up: number; orchestratord: number; "pool-managerd": number };
  readonly client: Client;
  readonly program: Program;
  workers(): Promise<WorkerView[]>;
}

/** Options of {@linkcode withStack}. */
export interface StackOptions {
  readonly models: string;
  readonly model: string;
  readonly slots?: number;
  /** Tokens per slot, at most the model's own; `fitting`: as `up` chooses it. @default 4096 */
  readonly context?: number | "fitting";
  readonly stateDir?: string;
  readonly env?: Record<string, string>;
}

/** Runs a test with a stack, and stops all its processes afterwards. */
export async function withStack(
  options: StackOptions,
  test: (stack: Stack) => Promise<void>,
): Promise<void> {
  const stateDir = options.stateDir ?? await Deno.makeTempDir({ prefix: "llorch-test-" });
  const program = startProgram("deploy/local/up.ts", "local", [
    "--json",
    "--port=0",
    "--pool-port=0",
    "--worker-port-base=0",
    `--state-dir=${stateDir}`,
    `--models-dir=${options.models}`,
    `--model=${options.model}`,
    ...(options.slots === undefined ? [] : [`--slots=${options.slots}`]),
    ...(options.context === "fitting" ? [] : [`--context=${options.context ?? DEFAULT_CONTEXT}`]),
    // If the test run is killed, the stack ends with it.
  ], { ...followUs(), ...options.env });
  try {
    const line = await within(program.lines.next(), "up is ready");
    if (line.done) throw new Error(`up ended before it was ready:\n${program.stderr()}`);
    const ready = JSON.parse(line.value);
    const client = createClient({ baseUrl: ready.orchestrator });
    await test({
      url: ready.orchestrator,
      poolUrl: ready.pool,
      pids: ready.pids,
      client,
      program,
      workers: async () => (await client.call(routes.workers, {})).workers,
    });
  } catch (error) {
    console.error(program.stderr().split("\n").slice(-40).join("\n"));
    throw error;
  } finally {
    program.kill("SIGTERM");
    await within(program.status, "up has stopped").catch(() => program.kill("SIGKILL"));
    await program.lines.return(undefined);
    if (options.stateDir === undefined) await Deno.remove(stateDir, { recursive: true });
  }
}

/** An event with its SSE id. */
export type Received = JobEvent & { readonly id: number | undefined };

/**
 * Submits and follows a task, or follows a job by its id; each event is checked against the
 * contract.
 */
export async function* follow(
  client: Client,
  task: TaskRequestInput | string,
  options: { lastEventId?: number; signal?: AbortSignal } = {},
): AsyncGenerator<Received> {
  const { lastEventId, signal } = options;
  const { events } = typeof task === "string"
    ? await client.stream(routes.taskEvents, {
      params: { id: task },
      headers: lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) },
    }, { signal })
    : await client.stream(routes.submit, { body: task }, { signal });
  for await (const { event, data, id } of events) {
    const sent = { event, data: JSON.parse(data) };
    const parsed = jobEvent.parse(sent);
    assert.deepEqual(parsed, sent, "An event has fields that the contract does not have");
    yield { ...parsed, id: id === undefined ? undefined : Number(id) };
  }
}

/** Runs a task, or follows a job by its id, and returns all its events. */
export async function run(client: Client, task: TaskRequestInput | string): Promise<Received[]> {
  const received: Received[] = [];
  for await (const event of follow(client, task)) received.push(event);
  return received;
}

/** The joined text of the answer in token events, without thoughts and calls. */
export function textOf(events: readonly JobEvent[]): string {
  return events.map((each) =>
    each.event === "token" && each.data.channel === undefined ? each.data.t : ""
  ).join("");
}

/** The numbers that the counter model generated. */
export function numbersOf(events: readonly JobEvent[]): number[] {
  return (textOf(events).match(/\d+/g) ?? []).map(Number);
}

/** `length` numbers: from, from + 1, … */
export function range(from: number, length: number): number[] {
  return Array.from({ length }, (_, index) => from + index);
}

/**
 * The value of a promise.
 *
 * @param what What is awaited, as a sentence for the error.
 * @throws {Error} if the promise is still pending after `ms`
 */
export async function within<T>(
  value: Promise<T>,
  what: string,
  ms: number = DEADLINE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Timed out after ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([value, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Polls every 10 ms until a condition holds that another process brings about.
 *
 * @param what The condition, as a sentence for the error.
 * @throws {Error} if it does not hold after `ms`
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  ms: number = DEADLINE_MS,
): Promise<void> {
  const deadline = performance.now() + ms;
  while (!await condition()) {
    if (performance.now() > deadline) throw new Error(`Timed out after ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Whether a process runs (a zombie does not). */
export function isAlive(pid: number): boolean {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    return !/\) Z /.test(stat);
  } catch {
    return false;
  }
}
