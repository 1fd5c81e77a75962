import { onAbort } from "./aborts.ts";
import { EXIT } from "./defaults.ts";
import { errorMessage, LlorchError } from "./errors.ts";
import { onSignals, STOP_SIGNALS } from "./signals.ts";

/**
 * A second signal counts only after this time, in milliseconds: under `deno task` one Ctrl-C
 * arrives twice, from the terminal and from deno.
 */
export const SAME_KEYSTROKE_MS = 500;

/** Something that was opened and must be closed. */
export interface Closeable {
  /** Idempotent. */
  close(): Promise<void>;
}

/** A daemon that runs until it is stopped, or until it ends by itself. */
export interface Daemon extends Closeable {
  /** Resolves with an exit code when the daemon ends by itself; most never do. */
  readonly ended?: Promise<number>;
  /** One line about what it does now, for people. */
  status?(): string;
}

/** Options of {@linkcode runUntilStopped}. */
export interface RunOptions {
  /** Longest time of closing, in milliseconds; after it the process ends anyway. */
  readonly closeDeadlineMs: number;
  /**
   * A second signal counts only after this time, in milliseconds.
   *
   * @default SAME_KEYSTROKE_MS
   */
  readonly sameKeystrokeMs?: number;
  /** Resolves with another reason to stop, for the log. */
  readonly alsoAt?: Promise<string>;
  /** Called when the stop begins. */
  readonly onStop?: (reason: string) => void;
}

/**
 * Runs a daemon until SIGINT, SIGTERM or SIGQUIT, or its own end, and closes it within the
 * deadline. A second signal ends the wait at once.
 *
 * @returns the exit code
 */
export async function runUntilStopped(daemon: Daemon, options: RunOptions): Promise<number> {
  const stopped = nextSignal();
  const first = await Promise.race([
    stopped.promise.then((reason) => ({ reason })),
    ...(options.alsoAt ? [options.alsoAt.then((reason) => ({ reason }))] : []),
    ...(daemon.ended ? [daemon.ended.then((code) => ({ code }))] : []),
  ]);
  // Listen again before the first listener is removed: without any listener, a signal would kill
  // the process.
  const again = nextSignal(options.sameKeystrokeMs ?? SAME_KEYSTROKE_MS);
  stopped.dispose();
  options.onStop?.("reason" in first ? first.reason : `ended with code ${first.code}`);

  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), options.closeDeadlineMs);
  });
  const outcome = await Promise.race([
    daemon.close().then(() => "closed" as const),
    again.promise.then(() => "again" as const),
    late,
  ]);
  clearTimeout(timer);
  again.dispose();
  if (outcome === "again") return EXIT.interrupted;
  if (outcome === "late") return EXIT.failed;
  return "code" in first ? first.code : EXIT.ok;
}

/**
 * Waits for the next of some signals; `dispose` stops listening.
 *
 * @param deafMs Signals within this time are ignored.
 */
export function nextSignal(
  deafMs = 0,
  signals: readonly Deno.Signal[] = STOP_SIGNALS,
): { promise: Promise<Deno.Signal>; dispose: () => void } {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  const from = performance.now() + deafMs;
  const dispose = onSignals(signals, (signal) => {
    if (performance.now() >= from) resolve(signal);
  });
  return { promise, dispose };
}

/**
 * Closes things in reverse order of their opening; rejects with the first error after all steps.
 */
export class CloseStack implements Closeable {
  readonly #steps: (() => void | Promise<void>)[] = [];
  #closing: Promise<void> | undefined;

  /** Adds a step that runs before those added earlier. */
  defer(step: () => void | Promise<void>): void {
    this.#steps.push(step);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#run();
  }

  async #run(): Promise<void> {
    const errors: unknown[] = [];
    for (const step of this.#steps.toReversed()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/**
 * Runs `main` and turns any error into one line on stderr and an exit code. Usage and
 * configuration errors are {@linkcode UsageError}s and end with 2.
 */
export async function runMain(name: string, main: () => Promise<number>): Promise<number> {
  try {
    return await main();
  } catch (error) {
    console.error(`${name}: ${errorMessage(error)}`);
    if (error instanceof UsageError) return EXIT.usage;
    if (!(error instanceof LlorchError) && error instanceof Error && error.stack) {
      console.error(error.stack);
    }
    return EXIT.failed;
  }
}

/** Wrong flags or configuration, which the person who started the program can correct. */
export class UsageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "UsageError";
  }
}

/** Resolves after `ms`; rejects if the signal aborts before. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      forget();
      resolve();
    }, ms);
    const forget = onAbort(signal, () => {
      clearTimeout(timer);
      reject(signal?.reason);
    });
  });
}
