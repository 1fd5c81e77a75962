import type { Device } from "#shared/contracts/pool.ts";
import { AGENT_CONTEXT } from "#shared/defaults.ts";
import { defaultLoad } from "#shared/models/default_load.ts";
import { estimateMemory } from "#shared/models/estimate.ts";
import type { FoundModel } from "#shared/models/scan.ts";

/** Longest context that is chosen, in tokens: more costs memory that few prompts need. */
const MOST = 32_768;

/** Part of a device's free memory that is used; the rest is for other programs. */
const SHARE = 0.8;

/** Contexts are multiples of this, unless they are the model's own. */
const STEP = 1024;

/** The context of a model's loads, with the reason. */
export interface ContextChoice {
  /** Tokens per slot. */
  readonly context: number;
  /** What it is limited by. */
  readonly limit: "model" | "memory" | "most";
  /** Estimated memory of a load, in bytes. */
  readonly bytes: number;
  readonly device: Pick<Device, "id" | "free_bytes">;
}

/**
 * The longest context with which a model fits into a device's free memory: at most the one that the model was
 * trained for, and at least the default.
 */
export function chooseContext(
  model: FoundModel,
  device: ContextChoice["device"],
  slots: number,
): ContextChoice {
  const bytesOf = (context: number) => estimateMemory(model, { context, slots });
  const { context: usual } = defaultLoad(model);
  const own = model.context_length || usual;
  const most = Math.min(own, MOST);
  const room = device.free_bytes * SHARE;
  let context = most;
  while (context > usual && bytesOf(context) > room) {
    context = Math.max(usual, (Math.ceil(context / STEP) - 1) * STEP);
  }
  const limit = context < most ? "memory" : own <= MOST ? "model" : "most";
  return { context, limit, bytes: bytesOf(context), device };
}

/** A choice in one line. */
export function describeContext(
  { context, limit, bytes, device }: ContextChoice,
  slots: number,
): string {
  const why = {
    model: "the model's own",
    memory: "what fits into memory",
    most: "the model could do more",
  }[limit];
  const fix = limit === "memory" ? ": fewer --slots leave more for each" : "";
  const agents = context < AGENT_CONTEXT ? `; agents need ${AGENT_CONTEXT}${fix}` : "";
  return `context         ${context} tokens for each of ${slots} slots, ${why}: about ${
    gib(bytes)
  } ` +
    `of ${gib(device.free_bytes)} free on ${device.id}; --context sets another${agents}`;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
