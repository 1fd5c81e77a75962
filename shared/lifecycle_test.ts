import assert from "node:assert/strict";
import { EXIT } from "./defaults.ts";
import { LlorchError } from "./errors.ts";
import {
  CloseStack,
  delay,
  nextSignal,
  runMain,
  runUntilStopped,
  UsageError,
} from "./lifecycle.ts";

const never = () => new Promise<void>(() => {});

/**
 * Sends a signal to this process and waits until it arrives; not SIGINT, which would end
 * `deno test`.
 */
async function raise(signal: Deno.Signal): Promise<void> {
  const { promise, dispose } = nextSignal();
  // Waiting for a signal does not keep a process alive.
  const alive = setInterval(() => {}, 1000);
  Deno.kill(Deno.pid, signal);
  await promise;
  clearInterval(alive);
  dispose();
}

Deno.test("runUntilStopped() closes the daemon on SIGTERM and ends with 0", async () => {
  const steps: string[] = [];
  const ended = runUntilStopped({
    close: () => {
      steps.push("close");
      return Promise.resolve();
    },
  }, { closeDeadlineMs: 1000, onStop: (reason) => steps.push(reason) });
  await raise("SIGTERM");
  assert.equal(await ended, EXIT.ok);
  assert.deepEqual(steps, ["SIGTERM", "close"]);
});

Deno.test("runUntilStopped() ends with 1 when closing takes too long", async () => {
  const ended = runUntilStopped({ close: never }, { closeDeadlineMs: 10 });
  await raise("SIGTERM");
  assert.equal(await ended, EXIT.failed);
});

Deno.test("runUntilStopped() returns the code of a daemon that ends by itself", async () => {
  let reason = "";
  const code = await runUntilStopped(
    { close: () => Promise.resolve(), ended: Promise.resolve(7) },
    { closeDeadlineMs: 1000, onStop: (text) => reason = text },
  );
  assert.equal(code, 7);
  assert.equal(reason, "ended with code 7");
});

Deno.test("runUntilStopped() counts one Ctrl-C that arrives twice as one", async () => {
  const closing = Promise.withResolvers<void>();
  // On a busy machine the second may take its time.
  const ended = runUntilStopped({ close: () => closing.promise }, {
    closeDeadlineMs: 60_000,
    sameKeystrokeMs: 60_000,
  });
  await raise("SIGTERM");
  await raise("SIGTERM");
  closing.resolve();
  assert.equal(await ended, EXIT.ok);
});

Deno.test("runUntilStopped() ends with 130 on a second signal", async () => {
  const ended = runUntilStopped({ close: never }, { closeDeadlineMs: 60_000 });
  await raise("SIGTERM");
  await delay(600);
  await raise("SIGTERM");
  assert.equal(await ended, EXIT.interrupted);
});

Deno.test("CloseStack closes in reverse order, continues after an error and throws the first one", async () => {
  const closed: string[] = [];
  const parts = new CloseStack();
  const step = (name: string, error?: Error) =>
    parts.defer(() => {
      closed.push(name);
      if (error) throw error;
    });
  step("store");
  step("server", new Error("second"));
  step("timer", new Error("first"));
  await assert.rejects(parts.close(), /first/);
  assert.deepEqual(closed, ["timer", "server", "store"]);
});

Deno.test("CloseStack closes once however often close() is called", async () => {
  let count = 0;
  const parts = new CloseStack();
  parts.defer(() => void count++);
  await Promise.all([parts.close(), parts.close()]);
  await parts.close();
  assert.equal(count, 1);
});

/** Runs `main` with standard error captured. */
async function captured(main: () => Promise<number>): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const { error } = console;
  console.error = (line: string) => void lines.push(line);
  try {
    return { code: await runMain("thing", main), lines };
  } finally {
    console.error = error;
  }
}

Deno.test("runMain() prints a usage error in one line and exits with 2", async () => {
  const { code, lines } = await captured(() => Promise.reject(new UsageError("Unknown option")));
  assert.equal(code, EXIT.usage);
  assert.deepEqual(lines, ["thing: Unknown option"]);
});

Deno.test("runMain() prints an expected failure without its stack and exits with 1", async () => {
  const { code, lines } = await captured(() =>
    Promise.reject(new LlorchError("CONFLICT", "The port is in use"))
  );
  assert.equal(code, EXIT.failed);
  assert.deepEqual(lines, ["thing: The port is in use"]);
});

Deno.test("runMain() prints the stack of an unexpected error", async () => {
  const { code, lines } = await captured(() => Promise.reject(new Error("boom")));
  assert.equal(code, EXIT.failed);
  assert.equal(lines.length, 2);
  assert.match(lines[1] ?? "", /lifecycle_test\.ts/);
});

Deno.test("delay() rejects when the signal aborts, before or while it waits", async () => {
  const reason = new Error("stop");
  await assert.rejects(delay(60_000, AbortSignal.abort(reason)), reason);
  const controller = new AbortController();
  const waiting = delay(60_000, controller.signal);
  controller.abort(reason);
  await assert.rejects(waiting, reason);
});

Deno.test("delay() resolves after its time", async () => {
  const began = performance.now();
  await delay(20, new AbortController().signal);
  assert.ok(performance.now() - began >= 15);
});
