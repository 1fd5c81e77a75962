import type { Caller } from "#shared/http/app.ts";
import { defined } from "#shared/json.ts";
import { anywhere } from "../../scheduler/state.ts";
import type { Orchestrator } from "../../service.ts";
import type { Asking } from "../dialect/serve.ts";

/** What a request's `keep_alive` means for the caller. */
export interface Keeping {
  /** How long the worker is kept afterwards, in ms; 0: not at all; undefined: as configured. */
  readonly keepMs: number | undefined;
  /** Whether the model is to stay until somebody unpins it. */
  readonly pins: boolean;
}

/** A call whose body may say how long the model stays. */
interface Keepable extends Asking {
  readonly body: {
    readonly model: string;
    readonly keep_alive?: string | number | null | undefined;
  };
}

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds of a `keep_alive`: seconds, or a duration such as 1h30m; negative: forever. */
export function keepAliveMs(given: string | number): number {
  if (typeof given === "number") return given * 1_000;
  const parts = [...given.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)?/g)];
  const ms = parts.reduce(
    (sum, [, number, unit = "s"]) => sum + Number(number) * UNITS_MS[unit]!,
    0,
  );
  return given.startsWith("-") ? -ms : ms;
}

/**
 * Decides what a `keep_alive` means. An operator unloads by 0 and pins by a negative one; a client's is kept
 * within the configured bounds. Without a token nobody counts as an operator: Home Assistant, for one, sends
 * -1 by default.
 */
export function keepingOf(
  { access, config }: Pick<Orchestrator, "access" | "config">,
  caller: Caller | undefined,
  given: string | number | null | undefined,
): Keeping {
  if (given === null || given === undefined) return { keepMs: undefined, pins: false };
  const ms = keepAliveMs(given);
  const isOperator = !access.isOpen && caller?.role !== "client";
  if (isOperator) return { keepMs: ms < 0 ? undefined : ms, pins: ms < 0 };
  const { keep_alive_min_ms: min, keep_alive_max_ms: max } = config.models;
  const kept = ms < 0 ? max : Math.min(max, Math.max(min, ms));
  return { keepMs: kept, pins: false };
}

/** A call with what its `keep_alive` means; one that pins its model does so now. */
export async function kept<C extends Keepable>(
  orchestrator: Orchestrator,
  call: C,
): Promise<C & { readonly keepMs?: number }> {
  const { body: { model, keep_alive }, caller } = call;
  const { loop, store } = orchestrator;
  const { keepMs, pins } = keepingOf(orchestrator, caller, keep_alive);
  if (pins) {
    const { fingerprint } = loop.resolve(model);
    const pin = { ...anywhere(fingerprint), model };
    await store.savePin(pin);
    loop.send({ kind: "pin", pin });
  }
  return { ...call, ...defined({ keepMs }) };
}

/** Unloads a model for a call that has nothing to compute. */
export function unloadNow({ loop }: Pick<Orchestrator, "loop">, model: string): void {
  const { fingerprint } = loop.resolve(model);
  loop.send({ kind: "unload", place: anywhere(fingerprint) });
}
