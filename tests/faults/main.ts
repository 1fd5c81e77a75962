/**
 * `deno task test:faults [--rounds N]`: runs every fault N times, by default a hundred times. Those of another
 * folder, if one is named.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { errorMessage } from "#shared/errors.ts";
import { test } from "../../tools/run_tests.ts";

const USAGE = "Options: [FOLDER] [--rounds N]: every fault N times (default 100)";

const { values, positionals } = parseOptions();
if (values.help) {
  console.log(USAGE);
  Deno.exit(0);
}
const rounds = Number(values.rounds);
if (!Number.isSafeInteger(rounds) || rounds < 1) {
  console.error(`Cannot run '${values.rounds}' rounds: give a number of at least 1`);
  Deno.exit(2);
}
Deno.env.set("LLORCH_FAULT_ROUNDS", String(rounds));
Deno.exit(await test([positionals[0] ?? "tests/faults/"]));

function parseOptions() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        rounds: { type: "string", default: "100" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
  } catch (error) {
    console.error(`${errorMessage(error)}\n${USAGE}`);
    Deno.exit(2);
  }
}
