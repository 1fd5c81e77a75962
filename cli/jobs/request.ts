import { fieldErrors } from "#shared/config/field_errors.ts";
import { idempotencyKey } from "#shared/contracts/common.ts";
import { contentOf, type MediumPart } from "#shared/contracts/images.ts";
import { taskRequest, type TaskRequestInput } from "#shared/contracts/request.ts";
import { UsageError } from "#shared/lifecycle.ts";
import type { SubmitOptions } from "./options.ts";
import { OPTION_NAMES, readSamplingOptions } from "./sampling_options.ts";

/** A task as `POST /v2/tasks` takes it. */
export interface Submission {
  readonly body: TaskRequestInput;
  readonly headers: { readonly "idempotency-key"?: string };
}

/** Options that only a chat has. */
const CHAT_FLAGS = [
  { option: "reasoningEffort", name: "--reasoning-effort" },
  { option: "reasoningBudget", name: "--reasoning-budget" },
  { option: "image", name: "--image" },
  { option: "audio", name: "--audio" },
] as const;

/** The option that sets a field of a task. */
function flagOf(field: string): string {
  if (field === "reasoning_budget_tokens") return "--reasoning-budget";
  if (OPTION_NAMES.includes(field)) return `--option ${field}`;
  return `--${field.replaceAll("_", "-")}`;
}

/**
 * The task that the options of a command line describe.
 *
 * @param media What `--image` and `--audio` name.
 * @throws {UsageError} naming every option that is wrong.
 */
export function submissionOf(
  prompt: string,
  options: SubmitOptions,
  media: readonly MediumPart[] = [],
): Submission {
  if (prompt === "") throw new UsageError("The prompt is empty: give some text, or - for stdin");
  for (const flag of CHAT_FLAGS) {
    if (options[flag.option] === undefined || options.chat) continue;
    throw new UsageError(`${flag.name} needs --chat: a prompt alone has no chat template`);
  }
  const parts = [...media, { type: "text" as const, text: prompt }];
  const candidate = {
    model: options.model,
    ...(options.chat ? { messages: [{ role: "user", content: contentOf(parts) }] } : { prompt }),
    max_tokens: options.maxTokens,
    temperature: options.temperature,
    seed: options.seed,
    ...readSamplingOptions(options.option),
    reasoning_effort: options.reasoningEffort,
    reasoning_budget_tokens: options.reasoningBudget,
    stop: options.stop,
    priority: options.priority,
    detached: options.detach,
  };
  const body = Object.fromEntries(
    Object.entries(candidate).filter(([, value]) => value !== undefined),
  ) as TaskRequestInput;
  const parsed = taskRequest.safeParse(body);
  if (!parsed.success) {
    const reasons = fieldErrors(parsed.error).map(({ field, message }) =>
      `${flagOf(field.split(".")[0]!)} ${message}`
    );
    throw new UsageError(reasons.join("; "));
  }
  const key = options.idempotencyKey;
  if (key === undefined) return { body, headers: {} };
  const checked = idempotencyKey.safeParse(key);
  if (!checked.success) {
    throw new UsageError(`--idempotency-key ${checked.error.issues[0]?.message}`);
  }
  return { body, headers: { "idempotency-key": key } };
}
