import { httpUrl, type TypedOption } from "../options.ts";

/** A daemon that llorch starts for development and talks to. */
export interface DaemonKind {
  /** Its executable, its name in `/health`, and its systemd unit. */
  readonly executable: "orchestratord" | "pool-managerd";
  /** Its group of commands. */
  readonly group: "orchestrator" | "pool-manager";
  /** Its section of the settings. */
  readonly section: "orchestrator" | "pool";
  /** Its label in launchd. */
  readonly launchdLabel: string;
}

export const ORCHESTRATORD: DaemonKind = {
  executable: "orchestratord",
  group: "orchestrator",
  section: "orchestrator",
  launchdLabel: "org.llorch.orchestratord",
};

export const POOL_MANAGERD: DaemonKind = {
  executable: "pool-managerd",
  group: "pool-manager",
  section: "pool",
  launchdLabel: "org.llorch.pool-managerd",
};

/** The option of every command that talks to a daemon. */
export function urlOption({ executable, section }: DaemonKind): TypedOption<string | undefined> {
  return httpUrl(
    "--url <url>",
    `Address of ${executable} (default: ${section}.url of llorch config)`,
  );
}
