import assert from "node:assert/strict";
import { LinkedAbort, onAbort } from "./aborts.ts";

Deno.test("onAbort() calls back once, immediately for an aborted signal", () => {
  const calls: string[] = [];
  const controller = new AbortController();
  onAbort(controller.signal, () => calls.push("before"));
  const forget = onAbort(controller.signal, () => calls.push("forgotten"));
  forget();
  controller.abort();
  onAbort(controller.signal, () => calls.push("after"));
  onAbort(undefined, () => calls.push("never"));
  assert.deepEqual(calls, ["before", "after"]);
});

Deno.test("a LinkedAbort aborts with any of its signals, for the same reason", () => {
  const [one, other] = [new AbortController(), new AbortController()];
  using linked = new LinkedAbort(one.signal, undefined, other.signal);
  assert.equal(linked.signal.aborted, false);
  other.abort("other");
  one.abort("one");
  assert.equal(linked.signal.reason, "other");
  assert.equal(new LinkedAbort(one.signal).signal.reason, "one");
});

Deno.test("a LinkedAbort that was disposed of ignores signals and timeouts", () => {
  const controller = new AbortController();
  const linked = new LinkedAbort(controller.signal);
  linked.abortAfter(1, () => "late");
  linked[Symbol.dispose]();
  controller.abort();
  assert.equal(linked.signal.aborted, false);
  linked.abort("by hand");
  assert.equal(linked.signal.reason, "by hand");
});

Deno.test("a LinkedAbort aborts after its timeout unless that is cancelled", async () => {
  using linked = new LinkedAbort();
  const cancel = linked.abortAfter(1, () => "cancelled");
  cancel();
  linked.abortAfter(5, () => "late");
  await new Promise<void>((resolve) => onAbort(linked.signal, resolve));
  assert.equal(linked.signal.reason, "late");
});
