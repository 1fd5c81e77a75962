import { type TaskRequest, taskRequest, type TaskRequestInput } from "#shared/contracts/mod.ts";
import { fieldErrors } from "#shared/config/field_errors.ts";
import { invalidRequest } from "#shared/errors.ts";

/**
 * Checks a task that was made from a request in another shape.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the wrong fields of the task
 */
export function toTask(fields: Partial<TaskRequestInput>): TaskRequest {
  const parsed = taskRequest.safeParse(fields);
  if (parsed.success) return parsed.data;
  throw invalidRequest(fieldErrors(parsed.error));
}
