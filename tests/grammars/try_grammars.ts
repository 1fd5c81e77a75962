import { readLines } from "#shared/lines.ts";

/** Result of a grammar in llama.cpp; `stuck`: it did not end in time, or used too much memory. */
export type Outcome = "refused" | "ended" | "no token" | "stuck" | "died";

/** CPU time that llama.cpp may use for a grammar, in seconds. */
const CPU_SECONDS = 4;
/** Memory that a grammar may use, in KiB. */
const MEMORY_KIB = 700_000;
const LOOK_MS = 100;
const CLOCK_TICKS = 100;

/** Tries grammars in llama.cpp, in a process that is killed if one of them does not end. */
export async function tryGrammars(model: string, grammars: readonly string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < grammars.length) await tryFrom(model, grammars, outcomes);
  return outcomes;
}

/**
 * Tries the grammars after those with a known outcome, until all are tried or the process has
 * ended.
 */
async function tryFrom(
  model: string,
  grammars: readonly string[],
  outcomes: Outcome[],
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "-q", new URL("./child.ts", import.meta.url).href, model],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const order = JSON.stringify({ first: outcomes.length, grammars });
  const written = writer.write(new TextEncoder().encode(order)).then(() => writer.close());
  let before: Figures | undefined;
  let isStuck = false;
  let isTrying = false;
  const timer = setInterval(() => {
    const now = figuresOf(child.pid);
    if (!before || !now || !isTrying) return;
    isStuck ||= now.cpu - before.cpu > CPU_SECONDS || now.kib - before.kib > MEMORY_KIB;
    if (!isStuck) return;
    clearInterval(timer);
    child.kill("SIGKILL");
  }, LOOK_MS);
  try {
    for await (const line of readLines(child.stdout)) {
      // A process that aborts may print where it did.
      if (!/^\[\d+[,\]]/.test(line)) continue;
      const [, outcome] = JSON.parse(line) as [number, Outcome?];
      isTrying = outcome === undefined;
      before = figuresOf(child.pid);
      if (outcome !== undefined) outcomes.push(outcome);
    }
  } finally {
    clearInterval(timer);
    await written.catch(() => {});
    await child.status;
  }
  if (outcomes.length === grammars.length) return;
  if (!isTrying) {
    throw new Error(`The process that tries grammars exited at grammar ${outcomes.length}`);
  }
  outcomes.push(isStuck ? "stuck" : "died");
}

interface Figures {
  /** CPU time, in seconds. */
  readonly cpu: number;
  /** Resident memory, in KiB. */
  readonly kib: number;
}

function figuresOf(pid: number): Figures | undefined {
  try {
    const [, ...fields] = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ");
    const stat = fields.join(") ").split(" ");
    const [, kib] = /VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
    return { cpu: (Number(stat[11]) + Number(stat[12])) / CLOCK_TICKS, kib: Number(kib ?? 0) };
  } catch {
    return undefined;
  }
}
