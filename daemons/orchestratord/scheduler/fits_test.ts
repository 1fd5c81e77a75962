import assert from "node:assert/strict";
import type { Device } from "#shared/contracts/mod.ts";
import { A, B, MIB, model, POLICY, pool, worker } from "../testing/scheduler.ts";
import { fits } from "./fits.ts";
import { planLoad } from "./placement.ts";
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

Deno.test("fits() names the idle workers that would be stopped, and says when busy ones are in the way", () => {
  const models = { models: [model(A), model(B, 250 * MIB)] };
  const evicting = fitOf(B, [worker("w1", A)], models);
  assert.deepEqual([evicting?.fits, evicting?.reason], [
    "evicting",
    "once idle workers are stopped: w1",
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
      tokensAtMost: 1,
      maxTokens: undefined,
      affinity: [],
      speaks: true,
      isStored: true,
      deaths: 0,
    },
  }, 1);
  assert.equal(fits(state, B, 1_000)[0]?.fits, "later");
});

/** A model of 100 MiB whose pool reports a different memory for a load. */
function withDefaultLoad(deviceMib: number, hostMib = 0) {
  const device_bytes = { cpu: deviceMib * MIB, cuda: deviceMib * MIB };
  return {
    ...model(B),
    default_load: { context: 8192, slots: 4, device_bytes, host_bytes: hostMib * MIB },
  };
}

Deno.test("the memory that a pool's own defaults take decides, be it more or less than usual", () => {
  const models = (mib: number) => ({ models: [model(A), withDefaultLoad(mib)] });
  const evicting = fitOf(B, [worker("w1", A)], models(250));
  assert.deepEqual([evicting?.fits, evicting?.needed_bytes], ["evicting", 250 * MIB]);
  const [small] = [fitOf(B, [worker("w1", A, { memory_bytes: 250 * MIB })], models(50))];
  assert.deepEqual([small?.fits, small?.needed_bytes], ["now", 50 * MIB]);
});

Deno.test("layers that are not on the GPU need room in the machine's memory", () => {
  const [workers, { devices } = {}] = gpuHost();
  const fitWith = (hostMib: number) =>
    fitOf(B, workers, { ...{ devices: devices! }, models: [withDefaultLoad(50, hostMib)] })?.fits;
  assert.equal(fitWith(200), "now");
  assert.equal(fitWith(400), "never");
});

/** A pool with a CPU and a GPU; by default both have room for a model of 50 MiB. */
function gpuHost(gpu: Partial<Device> = {}): Parameters<typeof pool> {
  const memory = { total_bytes: 300 * MIB, free_bytes: 300 * MIB };
  const devices: Device[] = [
    { id: "cuda0", kind: "cuda", name: "GPU", ...memory, ...gpu },
    { id: "cpu", kind: "cpu", name: "CPU", ...memory, asked_only: true },
  ];
  return [[], { devices }];
}

const UNUSABLE = { free_bytes: 0, unavailable: "the driver is gone" };

for (
  const [problem, gpu, expected] of [
    ["is full", { free_bytes: 0 }, "wait: memory is held by busy workers or other programs"],
    ["does not work", UNUSABLE, "wait: cuda0 of pool p1 cannot be used: the driver is gone"],
    [
      "never worked",
      { ...UNUSABLE, total_bytes: 0 },
      "wait: cuda0 of pool p1 cannot be used: the driver is gone",
    ],
    ["has room", {}, "spawn: cuda0"],
  ] as const
) {
  Deno.test(`a model is not loaded on the CPU because a GPU ${problem}, but is when a person asks for it`, () => {
    const state = initialState(POLICY);
    step(state, pool(...gpuHost(gpu)), 0);
    const anywhere = { fingerprint: A, poolId: undefined, device: undefined };
    const plan = planLoad(state, anywhere, 1e6, 1_000);
    assert.equal(
      plan.kind === "wait"
        ? `wait: ${plan.reason}`
        : plan.kind === "spawn"
        ? `spawn: ${plan.site.device.id}`
        : plan.kind,
      expected,
    );
    const named = planLoad(state, { ...anywhere, device: "cpu" }, 0, 1_000);
    assert.equal(named.kind === "spawn" && named.site.device.id, "cpu");
    const onCpu = fits(state, A, 1_000).find(({ device }) => device === "cpu");
    assert.deepEqual([onCpu?.fits, onCpu?.reason], ["now", "only when it is named"]);
  });
}

Deno.test("a model too large for the GPU is refused with the device that would take it", () => {
  const state = initialState(POLICY);
  step(state, pool(...gpuHost({ total_bytes: 10 * MIB, free_bytes: 10 * MIB })), 0);
  const plan = planLoad(state, { fingerprint: A, poolId: undefined, device: undefined }, 0, 1_000);
  assert.equal(plan.kind, "impossible");
  assert.match(plan.kind === "impossible" ? plan.message : "", /load it on cpu of pool p1 by name/);
});
