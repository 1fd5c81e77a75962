import type { TaskRequest, TaskRequestInput } from "#shared/contracts/mod.ts";
import { namedTask, type NameSettings } from "../named_task.ts";

export type { NameSettings };

/** Of a model's own name. */
export const NO_SETTINGS: NameSettings = { parameters: {}, fixed: [] };

/**
 * Checks a task that was made from a request in another shape.
 *
 * @param fields Only those that the client gave.
 * @param settings What the name of the model sets.
 * @throws {LlorchError} `INVALID_REQUEST` that names the wrong fields of the task
 */
export function toTask(
  fields: Partial<TaskRequestInput>,
  settings: NameSettings = NO_SETTINGS,
): TaskRequest {
  return namedTask(fields, settings);
}

/**
 * A seed as tasks have it. Others allow any integer; ours have 32 bits, unsigned. For -1, llama.cpp, vLLM
 * and Ollama choose a random seed, and so do we.
 */
export function seedOf(seed: number | null | undefined): number | undefined {
  return seed == null || seed === -1 ? undefined : Number(BigInt.asUintN(32, BigInt(seed)));
}
