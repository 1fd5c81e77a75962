/** A task with a shared helper, and a pattern of code that does it by hand. */
interface OnePlace {
  readonly pattern: RegExp;
  /** Files that may do it by hand. */
  readonly places: readonly string[];
  /** The files to look at; absent: all. */
  readonly in?: RegExp;
  readonly instead: string;
}

const ONE_PLACE: readonly OnePlace[] = [
  {
    pattern: /AbortSignal\.any\(/,
    places: [],
    instead: "its signal may be collected before it aborts: LinkedAbort (shared/aborts.ts)",
  },
  {
    pattern: /\.addEventListener\("abort"/,
    places: ["shared/aborts.ts"],
    instead: "onAbort or LinkedAbort (shared/aborts.ts)",
  },
  {
    pattern: /\bspawn\b.* from "node:child_process"/,
    places: ["shared/process.ts"],
    instead: "startProcess (shared/process.ts)",
  },
  {
    pattern: /\bcreateRequire\b.* from "node:module"/,
    places: ["daemons/worker/engine/libllama/c/carried.ts"],
    instead: "import, so that tools/boundaries.ts sees it",
  },
  {
    pattern: /\b(Date\.now|performance\.now)\(|\bnew Date\(\)/,
    places: [],
    in: /^daemons\/orchestratord\/scheduler\//,
    instead: "the time is an argument of the scheduler's decisions",
  },
  {
    pattern: /\bnew Deno\.Command\(/,
    places: [
      "shared/run_program.ts",
      // Synchronous.
      "shared/signals.ts",
      "daemons/pool-managerd/supervisor/process_table.ts",
      "deploy/local/leftovers.ts",
      // Their output is read while they run, or a deadline ends them.
      "cli/git/git.ts",
      "cli/remote/run_there.ts",
      "daemons/pool-managerd/devices/run_tool.ts",
      "deploy/local/child.ts",
    ],
    instead: "runProgram or runInForeground (shared/run_program.ts)",
  },
  {
    pattern: /function isRecord\(|=== "object" && (\w+) !== null && !Array\.isArray\(\1\)/,
    places: ["shared/json.ts"],
    instead: "isRecord (shared/json.ts)",
  },
];

/**
 * Lines of a production file that do by hand what a shared helper does.
 *
 * @param file Path from the root of the repository.
 */
export function secondPlaces(file: string, source: string): string[] {
  const found = source.split("\n").flatMap((text, index) =>
    ONE_PLACE.filter(({ in: folder }) => folder === undefined || folder.test(file))
      .filter(({ pattern, places }) => pattern.test(text) && !places.includes(file))
      .filter(() => !/^\s*import type /.test(text))
      .map(({ instead }) => `${file}:${index + 1}: ${text.trim()}: ${instead}`)
  );
  return found;
}
