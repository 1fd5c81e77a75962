import { parseArgs } from "node:util";
import { resolve } from "node:path";
import type { ExecutableName } from "#shared/executables.ts";
import { PORTS } from "#shared/defaults.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";
import type { Artifact } from "../build/plan.ts";
import {
  type Backend,
  BACKENDS,
  defaultBackend,
  findTarget,
  type Target,
} from "../build/targets.ts";

/** What an image is for. */
export const IMAGE_NAMES = ["orchestrator", "pool-manager", "worker"] as const;

/** Name of an image. */
export type ImageName = (typeof IMAGE_NAMES)[number];

/** One image to make. */
export interface ImageSpec {
  /** Name of its folder. */
  readonly folder: string;
  /** The program that a container runs. */
  readonly program: ExecutableName;
  readonly artifacts: readonly Artifact[];
  readonly ports: readonly number[];
  /** One line for people. */
  readonly summary: string;
}

/** The image that others are put on. */
export type Base =
  | { readonly kind: "debian" }
  | { readonly kind: "oci"; readonly folder: string; readonly ref?: string };

/** What is made, and of what. */
export interface ImagePlan {
  readonly target: Target;
  readonly images: readonly ImageSpec[];
  readonly base: Base;
  /** Folder or mirror of Debian's packages; otherwise that of this machine. */
  readonly packages?: string;
  /** Absolute path of the folder that the images' folders go to. */
  readonly out: string;
}

/**
 * Reads `[NAME…] [--backend B] [--base oci:DIR[:REF]] [--packages DIR|URL] [--target T] [--out DIR]`.
 *
 * @param host Triple of the machine that builds.
 * @param cwd Folder to which relative paths refer.
 * @throws {UsageError} that names the wrong word
 */
export function planImages(args: readonly string[], host: string, cwd: string): ImagePlan {
  const { values, positionals } = parse(args);
  const target = findTarget(values.target ?? linuxOf(host));
  if (target.os !== "linux") {
    throw new UsageError(`Cannot make an image for ${target.triple}: name a Linux with --target`);
  }
  const base = readBase(values.base, cwd);
  const backend = readBackend(values.backend, target);
  if (backend !== "cpu" && base.kind === "debian") {
    throw new UsageError(
      `Cannot make an image for ${backend} on Debian's packages alone: name an image with the ` +
        `libraries of ${backend} by --base oci:DIR`,
    );
  }
  const names = namesOf(positionals);
  const packages = values.packages;
  const isUrl = packages !== undefined && /^https?:\/\//.test(packages);
  return {
    ...{ target, base },
    images: names.map((name) => specOf(name, backend)),
    ...(packages === undefined ? {} : { packages: isUrl ? packages : resolve(cwd, packages) }),
    out: resolve(cwd, values.out ?? `dist/${target.triple}/images`),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        backend: { type: "string" },
        base: { type: "string" },
        packages: { type: "string" },
        target: { type: "string" },
        out: { type: "string" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
}

/** Containers run Linux, also on a Mac. */
function linuxOf(host: string): string {
  return host.replace(/-apple-darwin$|-pc-windows-msvc$/, "-unknown-linux-gnu");
}

function namesOf(words: readonly string[]): ImageName[] {
  if (words.length === 0 || words.includes("all")) return [...IMAGE_NAMES];
  return [...new Set(words.map((word) => oneOf("image", word, IMAGE_NAMES)))];
}

function readBackend(word: string | undefined, target: Target): Backend {
  const backend = word === undefined ? defaultBackend(target)! : oneOf("backend", word, BACKENDS);
  if (target.backends[backend]) return backend;
  throw new UsageError(
    `There is no worker for ${backend} on ${target.triple}: it has ` +
      BACKENDS.filter((each) => target.backends[each]).join(", "),
  );
}

function readBase(word: string | undefined, cwd: string): Base {
  if (word === undefined) return { kind: "debian" };
  const [, folder, ref] = /^oci:([^:]+)(?::(.+))?$/.exec(word) ?? [];
  if (folder === undefined) {
    throw new UsageError(
      `Unknown base "${word}": write oci:DIR, or oci:DIR:NAME if the layout has several images`,
    );
  }
  return { kind: "oci", folder: resolve(cwd, folder), ...(ref === undefined ? {} : { ref }) };
}

function specOf(name: ImageName, backend: Backend): ImageSpec {
  const cli: Artifact = { executable: "llorch", file: "llorch" };
  const worker: Artifact = {
    executable: "llorch-candled",
    file: `llorch-candled-${backend}`,
    backend,
  };
  const suffix = backend === "cpu" ? "" : `-${backend}`;
  switch (name) {
    case "orchestrator":
      return {
        folder: name,
        program: "orchestratord",
        artifacts: [{ executable: "orchestratord", file: "orchestratord" }, cli],
        ports: [PORTS.orchestratord],
        summary: "llorch's orchestrator: queues, places and streams the jobs of all pools",
      };
    case "pool-manager":
      return {
        folder: name + suffix,
        program: "pool-managerd",
        artifacts: [{ executable: "pool-managerd", file: "pool-managerd" }, worker, cli],
        ports: [PORTS.poolManagerd, PORTS.workerBase],
        summary: `llorch's pool manager with a worker for ${backend}: one on each host with models`,
      };
    case "worker":
      return {
        folder: name + suffix,
        program: "llorch-candled",
        artifacts: [worker],
        ports: [PORTS.workerBase],
        summary: `llorch's worker for ${backend}, alone: one model`,
      };
  }
}

function oneOf<const T extends string>(what: string, word: string, known: readonly T[]): T {
  const found = known.find((each) => each === word);
  if (found !== undefined) return found;
  const near = closest(word, known);
  const hint = near === undefined ? `choose ${known.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown ${what} "${word}": ${hint}`);
}
