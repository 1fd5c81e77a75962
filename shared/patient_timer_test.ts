import assert from "node:assert/strict";
import { afterAbout } from "./patient_timer.ts";

Deno.test("afterAbout() calls back in order, not before its time, and not what is cancelled", async () => {
  const began = performance.now();
  const called: [name: string, atMs: number][] = [];
  const note = (name: string) => () => called.push([name, performance.now() - began]);
  const last = Promise.withResolvers<void>();
  afterAbout(450, last.resolve);
  afterAbout(250, note("b"));
  const cancels = [afterAbout(20, note("never")), afterAbout(260, note("never"))];
  afterAbout(30, note("a"));
  cancels.forEach((cancel) => cancel());
  cancels.forEach((cancel) => cancel());
  await last.promise;
  assert.deepEqual(called.map(([name]) => name), ["a", "b"]);
  assert.ok(called[0]![1] >= 30 && called[1]![1] >= 250);
});

Deno.test("a callback of afterAbout() may cancel others of its time, and set a new one", async () => {
  const called: number[] = [];
  const again = Promise.withResolvers<void>();
  const cancels: (() => void)[] = [];
  for (let n = 0; n < 20; n++) {
    const callback = () => {
      called.push(n);
      cancels.forEach((cancel) => cancel());
      afterAbout(0, again.resolve);
    };
    cancels.push(afterAbout(0, callback));
  }
  await again.promise;
  assert.deepEqual(called, [0]);
});

Deno.test("what afterAbout() waits for keeps the process alive; what is cancelled does not", async () => {
  const program = `
    import { afterAbout } from ${JSON.stringify(import.meta.resolve("./patient_timer.ts"))};
    afterAbout(3_600_000, () => {})();
    afterAbout(300, () => console.log("called"));
  `;
  const { stdout, code } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", program],
    stderr: "inherit",
  }).output();
  assert.deepEqual([code, new TextDecoder().decode(stdout)], [0, "called\n"]);
});
