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
