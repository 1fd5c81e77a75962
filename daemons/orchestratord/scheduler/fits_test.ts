import assert from "node:assert/strict";
import { A, B, MIB, model, POLICY, pool, worker } from "../testing/scheduler.ts";
import { fits } from "./fits.ts";
import { initialState } from "./state.ts";
import { step } from "./step.ts";

function fitOf(fingerprint: string, ...args: Parameters<typeof pool>) {
  const state = initialState(POLICY);
  step(state, pool(...args), 0);
  step(state, { kind: "tick" }, 1_000);
  return fits(state, fingerprint, 1_000)[0];
}

Deno.test("fits() says where a model is, where it fits now, and where it never will, and why", () => {
  assert.equal(fitOf(A, [worker("w1", A)])?.fits, "loaded");
  assert.equal(fitOf(B, [worker("w1", A)])?.fits, "now");
  const big = { models: [model(A), model(B, 400 * MIB)] };
  const never = fitOf(B, [], big);
  assert.equal(never?.fits, "never");
  assert.match(never?.reason ?? "", /needs about 401 MiB and the largest device, cpu/);
});

Deno.test("fits() names the idle workers that would go, and says when busy ones are in the way", () => {
  const models = { models: [model(A), model(B, 250 * MIB)] };
  const evicting = fitOf(B, [worker("w1", A)], models);
  assert.deepEqual([evicting?.fits, evicting?.reason], [
    "evicting",
    "once idle workers have gone: w1",
  ]);
  const state = initialState(POLICY);
  step(state, pool([worker("w1", A)], models), 0);
  step(state, {
    kind: "submit",
    job: {
      id: "j",
      model: "a",
      fingerprint: A,
      priority: "interactive",
      tenant: "",
      queuedAt: 0,
      deadlineAt: undefined,
      attempt: 0,
      tokensIn: 1,
      maxTokens: undefined,
      affinity: [],
    },
  }, 1);
  assert.equal(fits(state, B, 1_000)[0]?.fits, "later");
});
