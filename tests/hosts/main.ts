/**
 * `deno task test:hosts [--rounds N]`: cuts hosts off and reconnects them N times, by default fifty
 * times.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { test } from "../../tools/run_tests.ts";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "50" } } });
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`Cannot run '${values.rounds}' rounds: give a number of at least 1`);
  Deno.exit(2);
}
Deno.env.set("LLORCH_HOST_ROUNDS", String(rounds));
Deno.exit(await test(["tests/hosts/"]));
