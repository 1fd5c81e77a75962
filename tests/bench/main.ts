/**
 * `deno task bench NAME`: measures, prints a table, and exits with 1 if a target is missed.
 *
 * @module
 */
import { runMain, UsageError } from "#shared/lifecycle.ts";
import { columns } from "#shared/columns.ts";
import { durableAccepts } from "./accept.ts";
import { answerCosts } from "./answers/answers.ts";
import type { Bench } from "./bench.ts";
import { keptChats } from "./chats.ts";
import { cliDownload } from "./cli_download.ts";
import { cliStart } from "./cli_start.ts";
import { openConsoles } from "./consoles.ts";
import { failover } from "./failover.ts";
import { shortBesideLong } from "./fairness.ts";
import { toldTimes } from "./honesty.ts";
import { idleHost } from "./idle.ts";
import { postgresBench } from "./postgres.ts";
import { portableStart } from "./portable_start.ts";
import { dialectFirstToken, dialectTokens } from "./relay/dialects.ts";
import { leavingClients } from "./relay/leaving.ts";
import { carriedTokens, crowdFirstToken, wholeAnswers } from "./relay/crowd.ts";
import { relayFirstToken, relayPaced, relayThroughput } from "./relay/relay.ts";
import { modelSwap } from "./swap.ts";
import { schedulerDecision } from "./scheduler.ts";
import { savedSlots } from "./saved_slots.ts";
import { stagedLoads } from "./staging.ts";
import { wayOfFirstToken } from "./way.ts";
import { embeddings } from "./worker/embeddings.ts";
import { loadMemoryBench } from "./memory.ts";
import { guessing } from "./worker/guessing.ts";
import { pictures } from "./worker/pictures.ts";
import { workerBench } from "./worker/worker.ts";

/** All benches by name; a function takes further arguments. */
const BENCHES: Readonly<
  Record<string, readonly Bench[] | ((args: readonly string[]) => readonly Bench[])>
> = {
  accept: [durableAccepts],
  answers: [answerCosts],
  chats: [keptChats],
  cli: [cliStart, cliDownload],
  consoles: [openConsoles],
  crowd: [crowdFirstToken, wholeAnswers, carriedTokens],
  dialects: [dialectFirstToken, dialectTokens, leavingClients],
  failover: [failover],
  fairness: [shortBesideLong],
  honesty: [toldTimes],
  idle: [idleHost],
  portable: [portableStart],
  postgres: [postgresBench],
  relay: [relayFirstToken, relayPaced, relayThroughput],
  scheduler: [schedulerDecision],
  slots: [savedSlots],
  staging: [stagedLoads],
  swap: [modelSwap],
  embeddings: [embeddings],
  guessing: [guessing],
  memory: [loadMemoryBench],
  pictures: [pictures],
  way: [wayOfFirstToken],
  worker: (args) => [workerBench(args)],
};

/** @throws {UsageError} if there is no such bench, or its arguments are wrong */
function chosen([name = "", ...rest]: readonly string[]): readonly Bench[] {
  const named = Object.hasOwn(BENCHES, name) ? BENCHES[name]! : undefined;
  if (named === undefined) {
    throw new UsageError(`Name a bench: ${Object.keys(BENCHES).join(", ")}`);
  }
  if (typeof named === "function") return named(rest);
  if (rest.length > 0) throw new UsageError(`${name} takes no arguments: ${rest.join(" ")}`);
  return named;
}

async function main(args: readonly string[]): Promise<number> {
  let areMet = true;
  for (const bench of chosen(args)) {
    console.log(bench.title);
    if (bench.skipped !== undefined) {
      console.log(`  skipped: ${bench.skipped}\n`);
      continue;
    }
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

if (import.meta.main) Deno.exit(await runMain("bench", () => main(Deno.args)));
