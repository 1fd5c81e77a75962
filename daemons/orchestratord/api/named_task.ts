import { type TaskRequest, taskRequest, type TaskRequestInput } from "#shared/contracts/mod.ts";
import { checked } from "#shared/config/field_errors.ts";
import { invalidRequest } from "#shared/errors.ts";
import { isRecord } from "#shared/json.ts";
import { type Meaning, withParameters } from "../scheduler/names.ts";

/** What the name of a request's model sets. */
export type NameSettings = Pick<Meaning, "parameters" | "fixed">;

/**
 * Makes a task of fields that the client gave and of what the name of its model sets.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the wrong fields of the task
 */
export function namedTask(
  given: Partial<TaskRequestInput>,
  settings: NameSettings,
): TaskRequest {
  const result = checked(taskRequest, withParameters(given, settings));
  if ("data" in result) return result.data;
  throw invalidRequest(result.errors);
}

/**
 * Adds what the name of its model sets to a task.
 *
 * @param given The task as the client wrote it: a default of ours does not count as the client's own value.
 * @throws {LlorchError} as {@linkcode namedTask}
 */
export function named(task: TaskRequest, given: unknown, meaning: Meaning): TaskRequest {
  if (!meaning.isConfigured || !isRecord(given)) return task;
  const own = Object.entries(task).filter(([field]) => Object.hasOwn(given, field));
  return namedTask(Object.fromEntries(own) as Partial<TaskRequestInput>, meaning);
}
