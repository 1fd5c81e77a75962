import type { z } from "zod";
import { loadConfig, processSources } from "#shared/config/load.ts";
import type { ConfigSpec } from "#shared/config/spec.ts";
import { EXIT, INIT_FIX } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import { watchLauncher } from "#shared/launcher.ts";
import { nextSignal, runMain, SAME_KEYSTROKE_MS, UsageError } from "#shared/lifecycle.ts";
import { endSignals, ignoresHangup } from "#shared/signals.ts";
import { versionLine } from "#shared/version.ts";
import type { LogLine } from "./log_view.ts";
import type { UpOptions } from "./options.ts";
import { withFreePorts } from "./ports.ts";
import { type LocalStack, startStack } from "./stack.ts";

/** A command around a local stack. */
export interface StackCommand<S extends z.ZodObject, O> extends ConfigSpec<S> {
  /** Uses the running stack, which then stops, or stays until a signal. */
  readonly use: (stack: LocalStack, options: O) => Promise<"done" | "stay">;
  /** Once all is ready, shows only warnings and errors of the daemons' logs. */
  readonly quiet?: boolean;
}

/**
 * Runs a command around a local stack: starts it, uses it, stays until a signal, and stops it. A
 * second signal kills the processes that have not ended.
 *
 * @returns the exit code
 */
export function withStack<S extends z.ZodObject, O extends UpOptions & z.output<S>>(
  command: StackCommand<S, O>,
): Promise<number> {
  const { program } = command;
  return runMain(program, async () => {
    const loaded = await loadConfig({ ...command, hasFile: false }, processSources(Deno.args));
    if (loaded.kind !== "run") {
      console.log("text" in loaded ? loaded.text : versionLine(program));
      return EXIT.ok;
    }
    return await runStack(command, withFreePorts(loaded.config as O, say));
  });
}

/** Prints a line; ignores errors, since the terminal may be closed. */
function say(text: string): void {
  try {
    console.error(text);
  } catch {
    // The terminal or pipe is closed.
  }
}

async function runStack<S extends z.ZodObject, O extends UpOptions>(
  command: StackCommand<S, O>,
  options: O,
): Promise<number> {
  const { program, use } = command;
  if (Deno.pid === 1) {
    say(`${program}: as process 1 it does not reap ended processes of others: ${INIT_FIX}`);
  }
  const interrupt = new AbortController();
  const hurry = new AbortController();
  const signals = endSignals();
  // Never removed: without a listener, a signal would kill us before our daemons have stopped.
  const signalled = nextSignal(0, signals).promise;
  // With `nohup` we outlive the terminal, and also `deno task`, which ends with it.
  const interrupted = ignoresHangup()
    ? signalled
    : Promise.race([signalled, watchLauncher((name) => Deno.env.get(name)).gone]);
  interrupted.then(() => {
    say("stopping");
    interrupt.abort();
    // The same Ctrl-C may arrive twice, from the terminal and from deno.
    return nextSignal(SAME_KEYSTROKE_MS, signals).promise.then(() => hurry.abort());
  });

  let quiet = false;
  const show = ({ text, urgent }: LogLine) => {
    if (urgent || !quiet) say(text);
  };
  let stack: LocalStack | undefined;
  try {
    stack = await startStack(options, {
      env: (name) => Deno.env.get(name),
      show,
      say,
      signal: interrupt.signal,
      hurry: hurry.signal,
    });
    quiet = command.quiet ?? false;
    const outcome = await Promise.race([use(stack, options), interrupted, stack.broken]);
    if (outcome === "stay") await Promise.race([interrupted, stack.broken]);
    return EXIT.ok;
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT.interrupted;
    if (error instanceof UsageError) throw error;
    console.error(`${program}: ${errorMessage(error)}`);
    return EXIT.failed;
  } finally {
    await stack?.close();
  }
}
