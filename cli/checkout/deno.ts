import { BUILD_INFO, type RuntimeKind } from "#shared/build_info.ts";
import { DENO_VERSION } from "#shared/version.ts";
import { LlorchError } from "#shared/errors.ts";
import { checkoutRoot } from "#shared/executables.ts";
import { runInForeground } from "#shared/run_program.ts";
import { endSignals, onSignals } from "#shared/signals.ts";
import { findCheckout, requireTask } from "./checkout.ts";

/** The deno that runs this program; a compiled executable uses the one on `PATH`. */
export function denoCommand(
  runtime: RuntimeKind | undefined = BUILD_INFO?.runtime,
  execPath: string = Deno.execPath(),
): string {
  return runtime === "compile" ? "deno" : execPath;
}

/**
 * Runs deno in the foreground until it ends.
 *
 * @returns its exit code; 128 and the signal's number when a signal ended it
 * @throws {LlorchError} when there is no deno
 */
export async function runDeno(
  args: readonly string[],
  cwd: string,
  { command = denoCommand(), env = {} }: {
    readonly command?: string;
    /** Added to our own environment. */
    readonly env?: Record<string, string>;
  } = {},
): Promise<number> {
  try {
    // A signal that reaches only us is passed on, so that no process is left behind.
    return await runInForeground(
      { command, args },
      { cwd, env },
      (send) => onSignals(endSignals(), send),
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new LlorchError(
      "NOT_FOUND",
      `Cannot find ${command}: install Deno ${DENO_VERSION} (npm install -g deno@${DENO_VERSION}), or put it on PATH`,
      { cause: error },
    );
  }
}

/**
 * Runs a task of the checkout around a folder.
 *
 * @returns its exit code
 * @throws {LlorchError} when there is no checkout, no such task, or no deno
 */
export async function runTask(task: string, args: readonly string[], cwd: string): Promise<number> {
  const checkout = findCheckout(cwd, checkoutRoot());
  await requireTask(checkout, task);
  return await runDeno(["task", "--quiet", task, ...args], checkout);
}
