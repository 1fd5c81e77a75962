import { registerSource, type Source, startSource } from "../../support/source/process.ts";
import type { Target } from "./measure.ts";
import { type Proxy, startNginx, startOrchestratord, stop } from "./proxies.ts";

/** Streams that a source takes at the same time. */
const SLOTS = 1000;

/** A source of tokens, and an orchestratord in front of it. */
export interface Stack {
  readonly dir: string;
  readonly source: Source;
  readonly orchestratord: Proxy;
}

/** A {@linkcode Stack}, and nginx in front of the same source. */
export interface Parts extends Stack {
  readonly nginx: Proxy | undefined;
}

/** Options of {@linkcode withStack}. */
export interface StackOptions {
  /** Time between two tokens, and to the first one, in ms. */
  readonly intervalMs: number;
  readonly firstMs?: number;
  /** Streams that the source takes at the same time. */
  readonly slots?: number;
  readonly queueCapacity?: number;
  /** Further settings of orchestratord. */
  readonly settings?: string;
}

/** Runs a measurement with a source and an orchestratord, and ends both. */
export async function withStack<T>(
  { intervalMs, firstMs = 0, slots = SLOTS, queueCapacity, settings }: StackOptions,
  work: (stack: Stack) => Promise<T>,
): Promise<T> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-bench-" });
  const started: { program: Proxy["program"] }[] = [];
  try {
    const source = await startSource(intervalMs, firstMs);
    started.push(source);
    const orchestratord = await startOrchestratord(dir, queueCapacity, settings);
    started.push(orchestratord);
    await registerSource(orchestratord.url, source, slots);
    return await work({ dir, source, orchestratord });
  } finally {
    for (const each of started.reverse()) await stop(each);
    await Deno.remove(dir, { recursive: true });
  }
}

/**
 * Runs a measurement with a source and the proxies in front of it, and ends them all.
 *
 * @param firstMs Time that the source takes to its first token, in ms.
 */
export function withParts<T>(
  intervalMs: number,
  work: (parts: Parts) => Promise<T>,
  firstMs = 0,
): Promise<T> {
  return withStack({ intervalMs, firstMs }, async (stack) => {
    const nginx = await startNginx(stack.dir, stack.source.url);
    try {
      return await work({ ...stack, nginx });
    } finally {
      if (nginx) await stop(nginx);
    }
  });
}

/** Measures every target in each round; the first round, 0, only warms up. */
export async function inRounds<T>(
  targets: readonly Target[],
  rounds: number,
  measure: (target: Target, round: number) => Promise<T>,
): Promise<Map<string, T[]>> {
  const results = new Map<string, T[]>(targets.map(({ name }) => [name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const target of targets) {
      const result = await measure(target, round);
      if (round > 0) results.get(target.name)!.push(result);
    }
  }
  console.log(`  load average ${Deno.loadavg().map((load) => load.toFixed(1)).join(", ")}`);
  return results;
}

/** A time for people. */
export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 0)} ms`;
}
