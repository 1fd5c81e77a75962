import { checkConfigFiles } from "./config_files.ts";
import { checkContext } from "./context.ts";
import type { Check, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";
import { checkDaemons } from "./daemons.ts";
import { checkModels } from "./models.ts";
import { checkPorts } from "./network.ts";
import { checkDisk, checkGpu, checkMemory } from "./resources.ts";
import { checkDeno, checkGit, checkInstallation, checkLibraries, checkSsh } from "./toolchain.ts";

/** Every check, in the order in which its findings are shown. */
const CHECKS: readonly Check[] = [
  checkDeno,
  checkInstallation,
  checkLibraries,
  checkGit,
  checkSsh,
  checkModels,
  checkContext,
  checkMemory,
  checkDisk,
  checkGpu,
  checkConfigFiles,
  checkPorts,
  checkDaemons,
];

/** Runs every check on the machine, all at the same time. */
export async function examine(machine: Machine): Promise<Finding[]> {
  return (await Promise.all(CHECKS.map((check) => check(machine)))).flat();
}
