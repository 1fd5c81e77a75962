/**
 * `deno task bench NAME`: measures, prints a table, and ends with 1 when a target is missed.
 *
 * @module
 */
import { columns } from "../../cli/output/columns.ts";
import { durableAccepts } from "./accept.ts";
import type { Bench } from "./bench.ts";
import { cliDownload } from "./cli_download.ts";
import { cliStart } from "./cli_start.ts";
import { openConsoles } from "./consoles.ts";
import { idleHost } from "./idle.ts";
import { portableStart } from "./portable_start.ts";
import { relayFirstToken, relayPaced, relayThroughput } from "./relay/relay.ts";
import { modelSwap } from "./swap.ts";
import { schedulerDecision } from "./scheduler.ts";
import { savedSlots } from "./saved_slots.ts";
import { stagedLoads } from "./staging.ts";
import { guessing } from "./worker/guessing.ts";
import { workerBench } from "./worker/worker.ts";

/** What can be measured, by name; a function takes arguments of its own. */
const BENCHES: Readonly<
  Record<string, readonly Bench[] | ((args: readonly string[]) => readonly Bench[])>
> = {
  accept: [durableAccepts],
  cli: [cliStart, cliDownload],
  consoles: [openConsoles],
  idle: [idleHost],
  portable: [portableStart],
  relay: [relayFirstToken, relayPaced, relayThroughput],
  scheduler: [schedulerDecision],
  slots: [savedSlots],
  staging: [stagedLoads],
  swap: [modelSwap],
  guessing: [guessing],
  worker: (args) => [workerBench(args)],
};

async function main([name = "", ...rest]: readonly string[]): Promise<number> {
  const named = Object.hasOwn(BENCHES, name) ? BENCHES[name] : undefined;
  if (named === undefined || typeof named !== "function" && rest.length > 0) {
    console.error(`Name a bench: ${Object.keys(BENCHES).join(", ")}`);
    return 2;
  }
  const benches = typeof named === "function" ? named(rest) : named;
  let areMet = true;
  for (const bench of benches) {
    console.log(bench.title);
    const figures = await bench.measure();
    const rows = figures.map(({ name, value, target = "", isMet }) => [
      isMet === undefined ? "" : isMet ? "ok" : "MISSED",
      name,
      value,
      target,
    ]);
    console.log(columns(rows).map((line) => `  ${line}`).join("\n") + "\n");
    areMet &&= figures.every(({ isMet }) => isMet !== false);
  }
  return areMet ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
