import type { ExecutableName } from "#shared/executables.ts";
import type { Check, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Where each daemon reads its configuration by default. */
const FILES: readonly (readonly [ExecutableName, string])[] = [
  ["orchestratord", "/etc/llorch/orchestrator.toml"],
  ["pool-managerd", "/etc/llorch/pool-manager.toml"],
];

/** Checks the config files that exist with the daemons that read them. */
export const checkConfigFiles: Check = async (machine) => {
  const found = FILES.filter(([, path]) => machine.exists(path));
  if (found.length === 0) {
    return [{ name: "config", status: "ok", message: "no files: the defaults apply" }];
  }
  return await Promise.all(found.map(([daemon, path]) => validate(machine, daemon, path)));
};

async function validate(machine: Machine, daemon: ExecutableName, path: string): Promise<Finding> {
  const name = "config";
  let output: string;
  try {
    const { command, args } = machine.findExecutable(daemon);
    const result = await machine.run(command, [...args, "--check-config", `--config=${path}`]);
    if (result?.code === 0) return { name, status: "ok", message: `${path} is valid` };
    output = result?.stderr ?? `cannot start ${command}`;
  } catch {
    return { name, status: "warn", message: `${path} is not checked: ${daemon} is not found` };
  }
  const message = output.trim().split("\n")[0]?.replace(`${daemon}: `, "") ?? `${path} is invalid`;
  return { name, status: "fail", message, fix: `correct it, then run ${daemon} --check-config` };
}
