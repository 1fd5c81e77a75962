import { nvidiaSource } from "../../../daemons/pool-managerd/devices/nvidia_smi.ts";
import { runProgram } from "#shared/run_program.ts";
import { givenLibraries, mib, type StepContext } from "../finding.ts";
import { toolPath } from "../build_tool.ts";

/** Programs that a build needs: one of those that are named together. */
const NEEDED = [["cmake"], ["c++"], ["make", "ninja"]];

/** Says which tools and cards there are; fails without one that is needed. */
export async function work({ onCpu, report }: StepContext): Promise<void> {
  for (const names of [...NEEDED, ...onCpu ? [] : [["nvcc"]]]) {
    const versions = await Promise.all(names.map(versionOf));
    const found = versions.find((version) => version !== undefined);
    const isNeeded = givenLibraries() === undefined;
    const value = found ?? (isNeeded ? "not installed; install it" : "not installed, not needed");
    report({ name: names.join(" or "), value, isOk: found !== undefined || !isNeeded });
  }
  if (onCpu) return;
  const cards = await nvidiaSource().query();
  for (const { id, name, total_bytes, free_bytes } of cards) {
    report({ name: id, value: `${name}, ${mib(free_bytes)} of ${mib(total_bytes)} free` });
  }
  report({ name: "a card answers", value: String(cards.length), isOk: cards.length > 0 });
}

async function versionOf(name: string): Promise<string | undefined> {
  try {
    const args = ["--version"];
    const { code, stdout } = await runProgram({ command: name, args }, { env: toolPath() });
    const lines = stdout.trim().split("\n");
    return code === 0 ? lines.find((line) => /release/.test(line)) ?? lines[0] : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
