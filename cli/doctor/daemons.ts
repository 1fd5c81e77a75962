import { LOOPBACK, PORTS } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { Check, Finding } from "./finding.ts";
import type { DaemonUrls, Machine } from "./machine.ts";

/** Addresses that the check of the ports covers already. */
const DEFAULTS: Readonly<DaemonUrls> = {
  orchestrator: `http://${LOOPBACK}:${PORTS.orchestratord}`,
  pool: `http://${LOOPBACK}:${PORTS.poolManagerd}`,
};

/** Checks that the daemons at the addresses in the settings answer; shows their versions. */
export const checkDaemons: Check = async (machine) => {
  let urls: DaemonUrls;
  try {
    urls = await machine.daemonUrls();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const fix = "correct it, then run llorch config validate";
    return [{ name: "settings", status: "fail", message: errorMessage(error), fix }];
  }
  const findings = await Promise.all([
    reach(machine, "orchestratord", "orchestrator", urls),
    reach(machine, "pool-managerd", "pool", urls),
  ]);
  return findings.flat();
};

async function reach(
  machine: Machine,
  name: string,
  key: keyof DaemonUrls,
  urls: DaemonUrls,
): Promise<Finding[]> {
  const url = urls[key];
  if (url === DEFAULTS[key]) return [];
  const daemon = await machine.daemonAt(url);
  if (daemon?.startsWith(`${name} `)) {
    return [{ name, status: "ok", message: `${daemon} answers at ${url}` }];
  }
  return [{
    name,
    status: "warn",
    message: `${daemon ?? "no daemon of llorch"} answers at ${url}`,
    fix: `start ${name} there, or llorch config set ${key}.url URL`,
  }];
}
