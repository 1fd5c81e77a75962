/**
 * `deno task soak [--minutes N]`: loads a whole service for N minutes (default 10), then checks
 * that it has released memory and file descriptors.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { checkSoaked, soak } from "./soak.ts";

const { values } = parseArgs({ options: { minutes: { type: "string", default: "10" } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) {
  console.error(`Cannot soak for '${values.minutes}' minutes: give a number above 0`);
  Deno.exit(2);
}
const soaked = await soak(minutes * 60);
console.log(JSON.stringify(soaked, undefined, 2));
checkSoaked(soaked);
Deno.exit(0);
