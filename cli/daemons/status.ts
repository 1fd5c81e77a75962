import { orchestratorRoutes } from "#shared/contracts/orchestrator_routes.ts";
import { poolRoutes } from "#shared/contracts/pool_routes.ts";
import { EXIT } from "#shared/defaults.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Client } from "#shared/http/client.ts";
import type { Run } from "../command.ts";
import type { Context } from "../context.ts";
import { columns } from "#shared/columns.ts";
import { formatDuration } from "#shared/duration.ts";
import { connect } from "./connect.ts";
import { askHealth, type Health, isOf } from "./health.ts";
import type { DaemonKind } from "./kind.ts";
import { findService } from "./service.ts";
import { startedDaemons } from "./started.ts";

/** What a daemon is doing, as `status --json` writes it. */
export interface DaemonStatus {
  readonly url: string;
  readonly reachable: boolean;
  readonly version?: string;
  readonly uptime_seconds?: number;
  readonly ready?: boolean;
  /** Why it is not reachable or not ready. */
  readonly reason?: string;
  /** State of the installed unit. */
  readonly service?: string;
  /** Counts that this daemon has, by name. */
  readonly counts?: Readonly<Record<string, number>>;
}

/**
 * `llorch orchestrator status`, `llorch pool-manager status`
 *
 * @returns 1 when it is not reachable
 */
export function showStatus(
  kind: DaemonKind,
): Run<{ url: string | undefined; json: boolean }> {
  return async ({ options }, context) => {
    const status = await readStatus(kind, await connect(kind, options, context), context);
    context.stdout.write(
      options.json ? JSON.stringify(status) + "\n" : render(kind, status, context.stdout.width),
    );
    return status.reachable ? EXIT.ok : EXIT.failed;
  };
}

async function readStatus(
  kind: DaemonKind,
  client: Client,
  { env }: Context,
): Promise<DaemonStatus> {
  const url = client.baseUrl;
  const [health, service] = await Promise.all([askHealth(client), findService(kind)]);
  const unit = service === undefined ? {} : { service: await service.state() };
  if (!isOf(health, kind.executable)) {
    return { url, reachable: false, reason: await absence(kind, env, health), ...unit };
  }
  const { version, uptime_seconds } = health;
  return {
    url,
    reachable: true,
    version,
    uptime_seconds,
    ...await readiness(client),
    ...await counts(kind, client),
    ...unit,
  };
}

/** Why the daemon does not answer at this address, and where it was started. */
async function absence(
  kind: DaemonKind,
  env: Context["env"],
  health: Health | "foreign" | undefined,
): Promise<string> {
  const started = (await startedDaemons(kind, env)).map(({ url }) => url);
  if (started.length > 0) {
    return `it was started at ${started.join(", ")}: give this address with --url`;
  }
  if (health === "foreign") {
    return `something that is not ${kind.executable} answers there: give the right address with --url`;
  }
  if (health !== undefined) return `${health.component} answers there`;
  return `nothing answers; start it with llorch ${kind.group} start`;
}

async function readiness(client: Client): Promise<Pick<DaemonStatus, "ready" | "reason">> {
  try {
    await client.call(orchestratorRoutes.ready, {});
    return { ready: true };
  } catch (error) {
    return { ready: false, reason: errorMessage(error) };
  }
}

/** Empty where the daemon refuses: `reason` says why. */
async function counts(kind: DaemonKind, client: Client): Promise<Pick<DaemonStatus, "counts">> {
  try {
    if (kind.section === "pool") {
      const { devices, models, workers } = await client.call(poolRoutes.state, {});
      return {
        counts: { devices: devices.length, models: models.length, workers: workers.length },
      };
    }
    const [{ pools }, { workers }, { depth }] = await Promise.all([
      client.call(orchestratorRoutes.pools, {}),
      client.call(orchestratorRoutes.workers, {}),
      client.call(orchestratorRoutes.queue, {}),
    ]);
    return { counts: { pools: pools.length, workers: workers.length, queued: depth } };
  } catch {
    return {};
  }
}

function render(kind: DaemonKind, status: DaemonStatus, width: number | undefined): string {
  const { url, reachable, version, uptime_seconds, ready, reason, service } = status;
  const because = reason === undefined ? "" : `: ${reason}`;
  const rows = [
    ["url", url],
    ["health", reachable ? "ok" : `not reachable${because}`],
    ["ready", ready === undefined ? undefined : ready ? "yes" : `no${because}`],
    ["version", version],
    ["uptime", uptime_seconds === undefined ? undefined : formatDuration(uptime_seconds * 1000)],
    ["service", service],
    ...Object.entries(status.counts ?? {}).map(([name, value]) => [name, String(value)]),
  ].filter((row): row is [string, string] => row[1] !== undefined);
  return columns([["daemon", kind.executable], ...rows], { width }).join("\n") + "\n";
}
