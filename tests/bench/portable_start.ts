import { join } from "node:path";
import { planBuild } from "../../tools/build/plan.ts";
import { build } from "../../tools/build/build.ts";
import { ROOT } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";

/** Rounds; in each, both start once. */
const ROUNDS = 21;

/** Starts with an empty cache. */
const COLD_ROUNDS = 3;

/** Longest first start of a portable executable, in milliseconds. */
const COLD_LIMIT_MS = 3000;

/** How long a portable `llorch --version` takes, compared with `deno run` of the program that it unpacks. */
export const portableStart: Bench = {
  title: `portable llorch --version: medians of ${ROUNDS} warm and ${COLD_ROUNDS} cold rounds`,
  async measure() {
    const dir = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    try {
      const plan = planBuild(
        ["cli", "--runtime=portable", "--out", dir],
        Deno.build.target,
        ROOT,
      );
      const [entry] = await build(plan, () => {});
      const exe = join(dir, "llorch");
      const cold: number[] = [];
      for (let round = 0; round < COLD_ROUNDS; round++) {
        cold.push(await timeOf(exe, ["--version"], join(dir, `cold${round}`)));
      }
      const cache = join(dir, "cold0");
      const app = join(cache, namesIn(cache).find((name) => name.startsWith("llorch"))!);
      const deno = join(cache, namesIn(cache).find((name) => name.startsWith("deno"))!, "deno");
      const bare = [
        ...["run", "-q", "--no-prompt", "--unstable-lazy-dynamic-imports"],
        ...[`--config=${join(app, "deno.json")}`, "-P=llorch", join(app, "main.js"), "--version"],
      ];
      const times: [number, number][] = [];
      for (let round = 0; round <= ROUNDS; round++) {
        const taken: [number, number] = [
          await timeOf(deno, bare, cache),
          await timeOf(exe, ["--version"], cache),
        ];
        if (round > 0) times.push(taken);
      }
      return figures(cold, times, entry?.size_bytes ?? NaN);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
};

function figures(cold: readonly number[], times: readonly [number, number][], bytes: number) {
  const ratio = median(times.map(([bare, portable]) => portable / bare));
  return [
    { name: "size", value: `${(bytes / 1e6).toFixed(1)} MB` },
    { name: "deno run of the same program", value: ms(median(times.map(([bare]) => bare))) },
    {
      name: "portable, warm",
      value: ms(median(times.map(([, portable]) => portable))),
      target: `${ratio.toFixed(2)} ×, at most 2`,
      isMet: ratio <= 2,
    },
    {
      name: "portable, cold",
      value: `${ms(median(cold))}, longest ${ms(Math.max(...cold))}`,
      target: `the longest at most ${COLD_LIMIT_MS} ms`,
      isMet: Math.max(...cold) <= COLD_LIMIT_MS,
    },
  ] satisfies Figure[];
}

async function timeOf(
  command: string,
  args: readonly string[],
  runtimeDir: string,
): Promise<number> {
  const began = performance.now();
  const { success, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { LLORCH_RUNTIME_DIR: runtimeDir, DENO_DIR: join(runtimeDir, "cache") },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const taken = performance.now() - began;
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
  return taken;
}

function namesIn(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name);
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}
