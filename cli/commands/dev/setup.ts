import { existsSync } from "node:fs";
import { EXIT } from "#shared/defaults.ts";
import { LlorchError } from "#shared/errors.ts";
import { checkoutRoot } from "#shared/executables.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { runProgram, type RunResult } from "#shared/run_program.ts";
import { findCheckout } from "../../checkout/checkout.ts";
import { denoCommand } from "../../checkout/deno.ts";
import { setUp, type SetupStep } from "../../checkout/setup.ts";
import type { Invocation } from "../../command.ts";
import type { Context } from "../../context.ts";
import { talkingGit } from "../../git/git.ts";
import { ask } from "#shared/ask.ts";
import { type Colour, painter } from "../../output/paint.ts";
import { OutputClosed } from "../../output/process_output.ts";

const COLOURS: Readonly<Record<SetupStep["status"], Colour>> = {
  ok: "green",
  done: "green",
  warn: "yellow",
  fail: "red",
};

/**
 * `llorch dev setup`
 *
 * @returns 1 when a part could not be prepared
 */
export async function setup(
  { options: { json: isJson, yes } }: Invocation<{ json: boolean; yes: boolean }>,
  context: Context,
): Promise<number> {
  const { stdout, cwd, signal } = context;
  const checkout = findCheckout(cwd, checkoutRoot());
  const paint = painter(stdout, context);
  const steps: SetupStep[] = [];
  const parts = setUp({
    checkout,
    denoVersion: Deno.version.deno,
    deno: (args) => runDeno(args, checkout, signal),
    git: talkingGit({ ...context, cwd: checkout }, { quiet: isJson }),
    exists: existsSync,
    confirm: yes ? () => Promise.resolve(true) : asker(context),
  });
  for await (const step of parts) {
    steps.push(step);
    if (isJson) continue;
    const { status, name, message, fix } = step;
    const lines = [
      `${paint(COLOURS[status], status.padEnd(4))}  ${name.padEnd(10)}  ${message}`,
      ...(fix === undefined ? [] : [paint("dim", `${" ".repeat(18)}fix: ${fix}`)]),
    ];
    try {
      stdout.write(lines.join("\n") + "\n");
    } catch (error) {
      // Nobody reads the output any more; the remaining steps are still done.
      if (!(error instanceof OutputClosed)) throw error;
    }
  }
  const isOk = steps.every(({ status }) => status !== "fail");
  if (isJson) stdout.write(JSON.stringify({ ok: isOk, checkout, steps }) + "\n");
  return isOk ? EXIT.ok : EXIT.failed;
}

async function runDeno(
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<RunResult> {
  try {
    const env = { NO_COLOR: "1" };
    const result = await runProgram({ command: denoCommand(), args }, { cwd, env, signal });
    signal.throwIfAborted();
    return result;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new LlorchError("NOT_FOUND", "Cannot find deno: install it, or put it on PATH", {
      cause: error,
    });
  }
}

/** Asks on the terminal; an empty answer means yes. */
function asker(context: Context): (question: string) => Promise<boolean> {
  return async (question) => {
    if (!context.isInteractive) {
      throw new UsageError(`${question} Cannot ask without a terminal: add --yes`);
    }
    return await ask(question, true, context);
  };
}
