import { reasoningEffort } from "#shared/contracts/chat_fields.ts";
import { ORCHESTRATORD, urlOption } from "../daemons/kind.ts";
import {
  flag,
  JSON_OPTION,
  needed,
  number,
  oneOf,
  QUIET_OPTION,
  text,
  texts,
  type ValuesOf,
  wholeNumber,
} from "../options.ts";

/** Options of the command that lists jobs. */
export const LIST_OPTIONS = {
  status: oneOf(
    "--status <status>",
    "Only those that are queued, dispatched, running, completed, failed or cancelled",
    ["queued", "dispatched", "running", "completed", "failed", "cancelled"],
  ),
  model: text("--model <model>", "Only those of a model", { values: "models" }),
  limit: wholeNumber("-n, --limit <count>", "How many at most (default 50)", {
    min: 1,
    max: 100_000,
  }),
  url: urlOption(ORCHESTRATORD),
  json: JSON_OPTION,
};

/** Which jobs a person wants to see. */
export type ListOptions = ValuesOf<typeof LIST_OPTIONS>;

/** Options of commands that stream a job. */
export const WATCH_OPTIONS = {
  url: urlOption(ORCHESTRATORD),
  json: JSON_OPTION,
  raw: flag("--raw", "Every event as it comes, a line of JSON each"),
  quiet: QUIET_OPTION,
};

/** What a person wants to see of a job. */
export type WatchOptions = ValuesOf<typeof WATCH_OPTIONS>;

/** Options of the command that submits a job; the contract says which values a job may have. */
export const SUBMIT_OPTIONS = {
  model: needed(
    text("-m, --model <model>", "The model (needed)", { values: "models" }),
    "--model is needed; llorch models list names those of this machine",
  ),
  chat: flag(
    "--chat",
    "The prompt is a person's message: the model's chat template goes around it",
  ),
  maxTokens: number("-n, --max-tokens <count>", "Tokens to generate at most"),
  temperature: number("-t, --temperature <number>", "0 always takes the most probable token"),
  seed: number("--seed <number>", "The same seed gives the same answer"),
  reasoningEffort: oneOf(
    "--reasoning-effort <effort>",
    "How hard to think before the answer, with --chat: none, minimal, low, medium, high or xhigh",
    reasoningEffort.options,
  ),
  reasoningBudget: number(
    "--reasoning-budget <count>",
    "Tokens of thinking at most, with --chat",
  ),
  stop: texts("--stop <text...>", "Ends before any of these; write them behind the prompt"),
  priority: text("--priority <class>", "interactive (default) or batch", {
    values: ["interactive", "batch"],
  }),
  detach: flag("--detach", "Do not wait: print the job's id"),
  idempotencyKey: text("--idempotency-key <key>", "The same key and task give the same job"),
  ...WATCH_OPTIONS,
};

/** What a person wants of a job. */
export type SubmitOptions = ValuesOf<typeof SUBMIT_OPTIONS>;
