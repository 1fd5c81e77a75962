import assert from "node:assert/strict";
import type { Machine } from "../../doctor/machine.ts";
import { fakeContext } from "../../testing/fake_context.ts";
import { fakeMachine } from "../../testing/fake_machine.ts";
import { commands } from "../mod.ts";
import { doctor as run } from "./doctor.ts";

const invocation = (options = {}) => ({ args: [], options, root: commands });
const broken: Partial<Machine> = { exists: () => false };

Deno.test("llorch dev doctor shows aligned lines and ends with 0", async () => {
  const context = fakeContext();
  assert.equal(await run(invocation(), context, fakeMachine({ denoVersion: "1.0.0" })), 0);
  const lines = context.out().split("\n");
  assert.match(lines[0] ?? "", /^warn {2}deno {10}1\.0\.0, tested with/);
  assert.match(lines[1] ?? "", /^ {20}fix: npx -y deno@/);
  assert.match(lines[2] ?? "", /^ok {4}node_modules {2}\/src\/llorch\/node_modules$/);
  assert.equal(context.err(), "");
});

Deno.test("llorch dev doctor ends with 1 when something fails", async () => {
  const context = fakeContext();
  assert.equal(await run(invocation(), context, fakeMachine(broken)), 1);
  assert.match(context.out(), /^fail {2}node_modules/m);
});

Deno.test("llorch dev doctor --json writes one document", async () => {
  const context = fakeContext({ isTerminal: true });
  assert.equal(await run(invocation({ json: true }), context, fakeMachine(broken)), 1);
  const { ok, findings } = JSON.parse(context.out());
  assert.equal(ok, false);
  assert.deepEqual(findings[0], { name: "deno", status: "ok", message: fakeMachine().denoVersion });
});

Deno.test("llorch dev doctor colours the status on a terminal", async () => {
  const context = fakeContext({ isTerminal: true });
  await run(invocation(), context, fakeMachine());
  assert.ok(context.out().startsWith("\u001b[32mok\u001b[39m  deno"));
});
