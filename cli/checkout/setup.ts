import { join } from "node:path";
import { errorMessage } from "#shared/errors.ts";
import { DENO_VERSION } from "#shared/version.ts";
import type { RunResult } from "#shared/run_program.ts";
import type { Git } from "../git/git.ts";
import { inspectSubmodules } from "../git/submodules.ts";
import { updateSubmodules } from "../git/update.ts";

/** Result of preparing one part of a checkout. */
export interface SetupStep {
  readonly name: string;
  /** `ok`: it was already there; `done`: it was made. */
  readonly status: "ok" | "done" | "warn" | "fail";
  readonly message: string;
  readonly fix?: string;
}

/** Dependencies of {@linkcode setUp}. */
export interface SetupTools {
  readonly checkout: string;
  readonly denoVersion: string;
  /** Runs deno in the checkout. */
  readonly deno: (args: readonly string[]) => Promise<RunResult>;
  readonly git: Git;
  readonly exists: (path: string) => boolean;
  /** Asks whether something may be done. */
  readonly confirm: (question: string) => Promise<boolean>;
}

/**
 * Prepares a checkout; each part that is already there stays as it is.
 *
 * @returns each step as soon as it is finished
 */
export async function* setUp(tools: SetupTools): AsyncGenerator<SetupStep> {
  yield denoStep(tools);
  yield await packagesStep(tools);
  yield await submodulesStep(tools);
}

function denoStep({ denoVersion }: SetupTools): SetupStep {
  const name = "deno";
  if (denoVersion === DENO_VERSION) return { name, status: "ok", message: denoVersion };
  const message = `${denoVersion}, tested with ${DENO_VERSION}`;
  return { name, status: "warn", message, fix: `deno upgrade ${DENO_VERSION}` };
}

async function packagesStep({ checkout, deno, exists, confirm }: SetupTools): Promise<SetupStep> {
  const name = "packages";
  const wasThere = exists(join(checkout, "node_modules"));
  const fix = "check the network, then cd to the checkout and deno install";
  if (!wasThere && !await confirm(`Fetch the packages of ${checkout} from npm?`)) {
    return { name, status: "warn", message: "not fetched", fix: "llorch dev setup --yes" };
  }
  // Always run: it is quick when nothing is missing, and repairs the folder otherwise.
  const { code, stdout, stderr } = await deno(["install", "--quiet", "--frozen"]);
  if (code !== 0) {
    const said = (stderr.trim() || stdout.trim()).split("\n")[0] ?? "";
    const reason = said.replace(/^error: /, "") || `deno install ended with code ${code}`;
    return { name, status: "fail", message: reason, fix };
  }
  return wasThere
    ? { name, status: "ok", message: "already there" }
    : { name, status: "done", message: "fetched" };
}

async function submodulesStep({ checkout, git, exists, confirm }: SetupTools): Promise<SetupStep> {
  const name = "submodules";
  if (!exists(join(checkout, ".git"))) {
    return { name, status: "ok", message: "none: this is not a git repository" };
  }
  try {
    const states = await inspectSubmodules(git);
    const paths = states.filter(({ missing }) => missing).map(({ path }) => path);
    if (states.length === 0) return { name, status: "ok", message: "none" };
    if (paths.length === 0) return { name, status: "ok", message: "already there" };
    const fix = "llorch git submodules update";
    if (!await confirm(`Fetch the submodules ${paths.join(", ")}?`)) {
      return { name, status: "warn", message: `missing: ${paths.join(", ")}`, fix };
    }
    const { kept } = await updateSubmodules(git, { force: false, paths: [], onLoss() {} });
    const failed = kept.find(({ path }) => paths.includes(path));
    return failed === undefined
      ? { name, status: "done", message: `fetched ${paths.join(", ")}` }
      : { name, status: "fail", message: `${failed.path}: ${failed.reason}`, fix };
  } catch (error) {
    return { name, status: "fail", message: errorMessage(error), fix: "llorch git status" };
  }
}
