import { LOOPBACK, PORTS } from "#shared/defaults.ts";
import type { UpOptions } from "./options.ts";

/** Ports that are tried after one that is taken. */
const TRIES = 100;

/** The ports of the daemons that move if they are the usual ones; workers look for a free one themselves. */
const MOVABLE = [
  { key: "port", usual: PORTS.orchestratord, daemon: "orchestratord" },
  { key: "pool_port", usual: PORTS.poolManagerd, daemon: "pool-managerd" },
] as const;

/**
 * Replaces each usual port that another program has by the next free one. A port that a person chose stays as
 * it is: the daemon then says that it is in use.
 *
 * @param say Shows which port is taken instead.
 * @param isFree Whether a port can be listened on now.
 */
export function withFreePorts<O extends Pick<UpOptions, "port" | "pool_port">>(
  options: O,
  say: (text: string) => void,
  isFree: (port: number) => boolean = isPortFree,
): O {
  const chosen: { port: number; pool_port: number } = { ...options };
  for (const { key, usual, daemon } of MOVABLE) {
    if (options[key] !== usual || isFree(usual)) continue;
    const others = MOVABLE.filter((each) => each.key !== key).map((each) => chosen[each.key]);
    const next = Array.from({ length: TRIES }, (_, index) => usual + 1 + index)
      .find((port) => !others.includes(port) && isFree(port));
    if (next === undefined) continue;
    chosen[key] = next;
    say(`port ${usual} is in use: ${daemon} takes ${next}`);
  }
  return { ...options, ...chosen };
}

function isPortFree(port: number): boolean {
  try {
    Deno.listen({ hostname: LOOPBACK, port }).close();
    return true;
  } catch {
    return false;
  }
}
