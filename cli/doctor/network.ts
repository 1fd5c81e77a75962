import { LOOPBACK, PORTS } from "#shared/defaults.ts";
import type { ExecutableName } from "#shared/executables.ts";
import type { Check, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const USERS: readonly (readonly [ExecutableName, number])[] = [
  ["orchestratord", PORTS.orchestratord],
  ["pool-managerd", PORTS.poolManagerd],
  ["llorch-candled", PORTS.workerBase],
];

/** Checks that the default ports are free, or used by the daemon that they are for. */
export const checkPorts: Check = (machine) =>
  Promise.all(USERS.map(([user, port]) => portFinding(machine, user, port)));

async function portFinding(
  machine: Machine,
  user: ExecutableName,
  port: number,
): Promise<Finding> {
  const name = `port ${port}`;
  if (machine.isPortFree(port)) {
    return { name, status: "ok", message: `free; ${user} is not running` };
  }
  const daemon = await machine.daemonAt(`http://${LOOPBACK}:${port}`);
  if (daemon?.startsWith(`${user} `)) return { name, status: "ok", message: `${daemon} answers` };
  return {
    name,
    status: "warn",
    message: `in use by ${daemon ?? "another program"}`,
    fix: user === "llorch-candled"
      ? "nothing to do: workers take the next free port"
      : `start ${user} with another --port, or 0 for any free one`,
  };
}
