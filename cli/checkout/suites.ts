import { join } from "node:path";
import { LlorchError } from "#shared/errors.ts";
import { checkoutRoot } from "#shared/executables.ts";
import type { Run } from "../command.ts";
import { findCheckout, requireTask } from "./checkout.ts";
import { runDeno } from "./deno.ts";

/** Folders of each kind of test. */
const FOLDERS = {
  unit: ["catalog", "cli", "daemons", "deploy", "shared", "tools", "tests/support"],
  integration: ["tests/integration", "tests/contract", "tests/cli"],
  e2e: ["tests/e2e"],
  all: [],
} as const;

/** A kind of test. */
export type Suite = keyof typeof FOLDERS;

/** Which tests of a suite to run, and how. */
export interface SuiteOptions {
  readonly filter?: string | undefined;
  readonly watch?: boolean;
}

/**
 * Arguments of the repository's test task.
 *
 * @param isThere Whether the checkout has a folder: older ones lack some.
 * @throws {LlorchError} when the checkout has no tests of this kind
 */
export function suiteArguments(
  suite: Suite,
  { filter, watch }: SuiteOptions,
  isThere: (folder: string) => boolean,
): readonly string[] {
  const folders = FOLDERS[suite].filter(isThere);
  if (suite !== "all" && folders.length === 0) {
    throw new LlorchError("NOT_FOUND", `The checkout has no ${suite} tests`);
  }
  return [
    ...(filter === undefined ? [] : [`--filter=${filter}`]),
    ...(watch ? ["--watch"] : []),
    // With a slash, because a bare name means a folder in `tests/`: `cli` would be `tests/cli`.
    ...folders.map((folder) => `${folder}/`),
  ];
}

/** Makes the code of `llorch test …`, which runs the repository's own test runner. */
export function suiteOf(suite: Suite): Run<SuiteOptions> {
  return async ({ options }, { cwd }) => {
    const checkout = findCheckout(cwd, checkoutRoot());
    await requireTask(checkout, "test");
    const args = suiteArguments(suite, options, (folder) => isFolder(join(checkout, folder)));
    return await runDeno(["task", "--quiet", "test", ...args], checkout);
  };
}

function isFolder(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}
