import { parseArgs } from "node:util";
import { resolve } from "node:path";
import type { RuntimeKind } from "#shared/build_info.ts";
import type { ExecutableName } from "#shared/executables.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import { type Backend, BACKENDS, defaultBackend, findTarget, type Target } from "./targets.ts";

/** One file to make. */
export interface Artifact {
  readonly executable: ExecutableName;
  /** File name in the output folder, without the platform's extension. */
  readonly file: string;
  /** Backend of a worker. */
  readonly backend?: Backend;
}

/** What a build makes. */
export interface BuildPlan {
  readonly target: Target;
  /** Absolute path of the folder that the files go to. */
  readonly out: string;
  readonly runtime: RuntimeKind | "auto";
  /** Whether a worker's libraries are those of node-llama-cpp's packages, or built here from its source. */
  readonly libraries: (typeof LIBRARIES)[number];
  readonly artifacts: readonly Artifact[];
}

/** Names of what can be built. */
const NAMES = ["all", "cli", "orchestrator", "pool-manager", "worker"];

const RUNTIMES = ["auto", "compile", "portable"] as const;

const LIBRARIES = ["packages", "source"] as const;

/**
 * Reads `[NAME…] [--target T] [--out DIR] [--runtime KIND] [--libraries packages|source]`; a backend may follow `worker`. Without
 * a name everything is built.
 *
 * @param host Triple of the machine that builds.
 * @param cwd Folder to which a relative `--out` refers.
 * @throws {UsageError} that names the wrong word
 */
export function planBuild(args: readonly string[], host: string, cwd: string): BuildPlan {
  const { values, positionals } = parse(args);
  const target = findTarget(values.target ?? host);
  const runtime = oneOf("runtime", values.runtime ?? "auto", RUNTIMES);
  if (target.os === "win32" && runtime === "portable") {
    throw new UsageError("Cannot build a portable executable for Windows: use --runtime=compile");
  }
  const libraries = oneOf("libraries", values.libraries ?? "packages", LIBRARIES);
  if (libraries === "source" && target.triple !== host) {
    throw new UsageError(
      `Cannot build llama.cpp for ${target.triple} on ${host}: leave out --target, or --libraries`,
    );
  }
  return {
    target,
    out: resolve(cwd, values.out ?? `dist/${target.triple}`),
    ...{ runtime, libraries },
    artifacts: artifactsOf(positionals, target),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        target: { type: "string" },
        out: { type: "string" },
        runtime: { type: "string" },
        libraries: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

function artifactsOf(words: readonly string[], target: Target): Artifact[] {
  const artifacts = new Map<string, Artifact>();
  const add = (artifact: Artifact) => artifacts.set(artifact.file, artifact);
  const rest = words.length === 0 ? ["all"] : [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    oneOf("name", word, NAMES);
    const all = word === "all";
    if (all || word === "cli") add({ executable: "llorch", file: "llorch" });
    if (all && target.os === "win32") continue;
    if (all || word === "orchestrator") add(daemon("orchestratord", target));
    if (all || word === "pool-manager") add(daemon("pool-managerd", target));
    if (all) add(worker(undefined, target));
    if (word === "worker") {
      const isName = rest[0] === undefined || NAMES.includes(rest[0]);
      add(worker(isName ? undefined : rest.shift(), target));
    }
  }
  return [...artifacts.values()];
}

function daemon(executable: ExecutableName, target: Target): Artifact {
  if (target.os === "win32") {
    throw new UsageError(`${executable} does not run on Windows: build cli alone`);
  }
  return { executable, file: executable };
}

function worker(word: string | undefined, target: Target): Artifact {
  const backend = word === undefined ? defaultBackend(target) : oneOf("backend", word, BACKENDS);
  if (backend === undefined || !target.backends[backend]) {
    const known = BACKENDS.filter((each) => target.backends[each]);
    throw new UsageError(
      `There is no worker for ${word ?? "any backend"} on ${target.triple}: it has ${
        known.join(", ") || "none"
      }`,
    );
  }
  return { executable: "llorch-candled", file: `llorch-candled-${backend}`, backend };
}

function oneOf<const T extends string>(what: string, word: string, known: readonly T[]): T {
  const found = known.find((each) => each === word);
  if (found !== undefined) return found;
  const near = closest(word, known);
  const hint = near === undefined ? `choose ${known.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown ${what} "${word}": ${hint}`);
}
