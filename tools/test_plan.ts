import { ALONE, LONG, LONGEST } from "./test_alone.ts";

/** Files of one process: several share its start, but more would leave a core idle at the end. */
const FILES_OF_A_BATCH = 12;

/** Parsed arguments of `deno task test`. */
export interface TestArguments {
  /**
   * Files and folders with tests, relative to the repository, or names in `tests/`; empty:
   * everything.
   */
  readonly paths: readonly string[];
  /** Options of `deno test` that apply to every process of a run. */
  readonly flags: readonly string[];
  /** Number of parallel processes; undefined: {@linkcode defaultJobs}. */
  readonly jobs: number | undefined;
  /** Whether an option requires all tests in one process, such as `--watch`. */
  readonly together: boolean;
}

/** Options that can be passed to each process of a run. */
const SHARED = ["--filter", "--fail-fast", "--jobs"] as const;

/**
 * Reads the arguments of `deno task test`.
 *
 * @throws {RangeError} if `--jobs` is not a whole number of at least 1
 */
export function readArguments(args: readonly string[]): TestArguments {
  const paths: string[] = [];
  const flags: string[] = [];
  let jobs: number | undefined;
  let together = false;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at]!;
    const name = SHARED.find((each) => arg === each || arg.startsWith(`${each}=`));
    if (!arg.startsWith("-")) paths.push(arg);
    else if (name === undefined) together = true;
    else if (name === "--fail-fast") flags.push(arg);
    else {
      const value = arg === name ? args[++at] ?? "" : arg.slice(name.length + 1);
      if (name === "--filter") flags.push(`--filter=${value}`);
      else jobs = wholeNumber(value);
    }
  }
  return { paths, flags, jobs, together };
}

function wholeNumber(value: string): number {
  const number = Number(value);
  if (value !== "" && Number.isSafeInteger(number) && number >= 1) return number;
  throw new RangeError(`Cannot run with --jobs '${value}': give a whole number of at least 1`);
}

/** Most parallel processes; more would take much memory and save little time. */
const MOST_JOBS = 8;

/** Number of parallel processes: two more than cores, since most wait for half of their time. */
export function defaultJobs(cores: number): number {
  return Math.min(cores + 2, MOST_JOBS);
}

/** Folders whose test files have a process each. */
const OWN_PROCESS = ["tests/", "daemons/worker/engine/libllama/"];

/** The parts of a run. */
export interface TestPlan {
  /** The files of each parallel process; those that take longest come first. */
  readonly batches: readonly (readonly string[])[];
  /** Files that run alone, one after the other. */
  readonly alone: readonly string[];
}

/**
 * Divides test files into batches that run in parallel and files that run alone. Files under
 * `tests/` start processes and take seconds, so each is a batch of its own, as is each of an engine
 * whose library has globals; other unit tests share a process.
 */
export function planTests(files: readonly string[]): TestPlan {
  const isAlone = (file: string) => Object.hasOwn(ALONE, file);
  const others = files.filter((file) => !isAlone(file));
  const isHeavy = (file: string) => OWN_PROCESS.some((folder) => file.startsWith(folder));
  const light = others.filter((file) => !isHeavy(file));
  const longest = LONGEST.filter((file) => others.includes(file));
  const heavy = others.filter((file) => isHeavy(file) && !longest.includes(file));
  const batches = [...longest, ...heavy].map((file) => [file]);
  for (let at = 0; at < light.length; at += FILES_OF_A_BATCH) {
    batches.push(light.slice(at, at + FILES_OF_A_BATCH));
  }
  return { batches, alone: files.filter(isAlone) };
}

/** The test files that the paths select; folders of {@linkcode LONG} only if named. */
export function selectTests(all: readonly string[], paths: readonly string[]): string[] {
  const wanted = paths.map((path) => path.replace(/^\.\//, "").replace(/\/+$/, ""));
  const isWithin = (file: string, folder: string) =>
    folder === "" || folder === "." || file === folder || file.startsWith(`${folder}/`);
  const isAsleep = (file: string) =>
    LONG.some((folder) => isWithin(file, folder) && !wanted.some((path) => isWithin(path, folder)));
  return all.filter((file) =>
    !isAsleep(file) && (wanted.length === 0 || wanted.some((path) => isWithin(file, path)))
  );
}

/** Folder of tests that have a name. */
const NAMED = "tests";

/** Names for `deno task test`: the folders in `tests/` with tests, at any depth. */
export function testNames(all: readonly string[]): string[] {
  const folders = all.filter((file) => file.startsWith(`${NAMED}/`)).flatMap((file) => {
    const path = file.split("/").slice(1, -1);
    return path.map((_, at) => path.slice(0, at + 1).join("/"));
  });
  return [...new Set(folders)].sort();
}

/**
 * Converts an argument to a path: a name is searched in `tests/` first (`cli` is `tests/cli`, and
 * `cli/` is the folder at the root).
 *
 * @throws {RangeError} that lists the names, if there is no test file
 */
export function pathOf(all: readonly string[], argument: string): string {
  const has = (path: string) => selectTests(all, [path]).length > 0;
  const named = `${NAMED}/${argument}`;
  const isWord = /^[\w-]+$/.test(argument);
  if (argument === "") throw new RangeError("The name of a test or path is empty");
  const path = [...(isWord ? [named, argument] : [argument, named])].find(has);
  if (path !== undefined) return path;
  const names = testNames(all).join(", ");
  throw new RangeError(`No test is named '${argument}', and none is at that path; names: ${names}`);
}

/** Paths that select no test file. */
export function unknownPaths(all: readonly string[], paths: readonly string[]): string[] {
  return paths.filter((path) => selectTests(all, [path]).length === 0);
}
