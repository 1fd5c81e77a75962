import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { takePlace } from "../../daemons/orchestratord/testing/scheduler.ts";
import { seededRandom } from "../support/random.ts";
import { TokenWorld } from "./token_world.ts";

const SPAN_MS = 600_000;
/** Before jobs of every size have ended, nothing can be told. */
const FROM_MS = 30_000;

/** Clients of two tenants, more than a queue of 8 places and the slots hold. */
interface Crowd {
  readonly yieldAfterMs: number;
  readonly slots: number;
  readonly many: number;
  readonly few: number;
  /** Whether tokens take 0.5 to 2 times as long, another time every 5 s. */
  readonly isUneven?: boolean;
}

/** What came of the times that refused clients were told. */
function tellTimes({ yieldAfterMs, slots, many, few, isUneven = false }: Crowd) {
  const random = seededRandom(10 + slots);
  const factors = Array.from({ length: SPAN_MS / 5_000 + 1 }, () => 2 ** (2 * random() - 1));
  const slower = (now: number) => isUneven ? factors[Math.floor(now / 5_000)] ?? 1 : 1;
  const world = new TokenWorld({ slots, tokenMs: 10, restoreMs: 20, slower }, {
    queueCapacity: 8,
    yieldAfterMs,
  });
  const { timers, state } = world;
  let returned = 0;
  let refusedAgain = 0;
  let idleMs = 0;
  const ask = (tenant: string, hasWaited: boolean) => {
    const counts = hasWaited && timers.now >= FROM_MS;
    if (counts) returned++;
    try {
      takePlace(state, tenant, timers.now);
    } catch (error) {
      assert.ok(error instanceof LlorchError);
      if (counts) refusedAgain++;
      return timers.after(error.retryAfterMs!, () => ask(tenant, true));
    }
    // Half of the answers end by themselves, anywhere.
    const maxTokens = 20 + Math.floor(random() * 281);
    const tokens = random() < 0.5 ? maxTokens : 1 + Math.floor(random() * maxTokens);
    world.submit({ tenant, tokens, maxTokens });
  };
  world.onEnd = (tenant) => ask(tenant, false);
  for (let n = 0; n < many; n++) ask("many", false);
  for (let n = 0; n < few; n++) ask("few", false);
  let last = 0;
  const watch = () => {
    if (timers.now > FROM_MS && state.running.size < slots) idleMs += timers.now - last;
    last = timers.now;
    timers.after(50, watch);
  };
  watch();
  world.runUntil(SPAN_MS);
  const yields = [...world.yields.values()].reduce((sum, each) => sum + each, 0);
  return { returned, share: 1 - refusedAgain / returned, idleMs, yields };
}

for (const yieldAfterMs of [0, 750]) {
  const how = yieldAfterMs > 0 ? "though running jobs yield" : "where no job yields";
  Deno.test(`who comes back at the time told gets in nine times of ten, ${how}`, () => {
    for (const slots of [1, 2, 4]) {
      for (const [many, few] of [[8, 8], [12, 6], [24, 4]] as const) {
        const what = `${slots} slots, ${many} and ${few} clients`;
        const { returned, share, idleMs, yields } = tellTimes({ yieldAfterMs, slots, many, few });
        assert.ok(returned > 200, `${what}: ${returned} came back`);
        assert.ok(share >= 0.9, `${what}: ${share} of ${returned} got in`);
        assert.ok(idleMs < 0.01 * SPAN_MS, `${what}: a slot was idle for ${idleMs} ms`);
        assert.equal(yields > 0, yieldAfterMs > 0, what);
      }
    }
  });
}

Deno.test("who comes back at the time told gets in nine times of ten on a host that is busy now and then", () => {
  for (const slots of [2, 4]) {
    for (const [many, few] of [[8, 8], [12, 6], [24, 4]] as const) {
      const what = `${slots} slots, ${many} and ${few} clients`;
      const crowd = { yieldAfterMs: 750, slots, many, few, isUneven: true };
      const { returned, share, idleMs } = tellTimes(crowd);
      assert.ok(returned > 200, `${what}: ${returned} came back`);
      assert.ok(share >= 0.9, `${what}: ${share} of ${returned} got in`);
      assert.ok(idleMs < 0.01 * SPAN_MS, `${what}: a slot was idle for ${idleMs} ms`);
    }
  }
});
