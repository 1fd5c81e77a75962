import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../support/stack.ts";
import { type Bench, type Figure, median } from "./bench.ts";

/** Rounds; in each, every command line runs once, so that a slow moment hits them all. */
const ROUNDS = 21;

/** Command lines, and how many times the bare `deno run` they may take. */
const LIMITS: readonly (readonly [line: string, limit: number | undefined])[] = [
  ["--version", 3],
  ["models catalog", 6],
  ["models list", undefined],
  ["config get pool.url", undefined],
  ["--help", undefined],
];

/** How long `llorch` takes from its start to its end, compared with an empty program. */
export const cliStart: Bench = {
  title: `start of llorch: medians of ${ROUNDS} rounds, and of the ratios within each round`,
  async measure() {
    const folder = await Deno.makeTempDir({ prefix: "llorch-bench-" });
    try {
      const empty = join(folder, "empty.ts");
      await Deno.writeTextFile(empty, "");
      // Exactly the command of the task, with the deno that runs this bench.
      const llorch = config.tasks.llorch.command.split(" ").slice(1);
      return figures(
        await rounds([
          ["run", "-q", empty],
          ...LIMITS.map(([line]) => [...llorch, ...line.split(" ")]),
        ]),
      );
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
};

/** Times of each command in each round, in milliseconds; the first round only warms up. */
async function rounds(commands: readonly (readonly string[])[]): Promise<number[][]> {
  const times: number[][] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const taken: number[] = [];
    for (const args of commands) taken.push(await timeOf(args));
    if (round > 0) times.push(taken);
  }
  return times;
}

async function timeOf(args: readonly string[]): Promise<number> {
  const began = performance.now();
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const taken = performance.now() - began;
  if (!success) throw new Error(`${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return taken;
}

function figures(times: readonly (readonly number[])[]): Figure[] {
  const ms = (index: number) =>
    `${median(times.map((round) => round[index] ?? NaN)).toFixed(0)} ms`;
  return [
    { name: "deno run of an empty file", value: ms(0) },
    ...LIMITS.map(([line, limit], index) => {
      const name = `llorch ${line}`;
      const ratio = median(times.map((round) => (round[index + 1] ?? NaN) / (round[0] ?? NaN)));
      const shown = `${ratio.toFixed(1)} ×`;
      if (limit === undefined) return { name, value: ms(index + 1), target: shown };
      const target = `${shown}, at most ${limit}`;
      return { name, value: ms(index + 1), target, isMet: ratio <= limit };
    }),
  ];
}
