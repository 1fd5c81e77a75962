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
    "Only jobs that are queued, dispatched, running, completed, failed or cancelled",
    ["queued", "dispatched", "running", "completed", "failed", "cancelled"],
  ),
  model: text("--model <model>", "Only jobs of this model", { values: "models" }),
  limit: wholeNumber("-n, --limit <count>", "At most this many jobs (default 50)", {
    min: 1,
    max: 100_000,
  }),
  url: urlOption(ORCHESTRATORD),
  json: JSON_OPTION,
};

/** Values of {@linkcode LIST_OPTIONS}. */
export type ListOptions = ValuesOf<typeof LIST_OPTIONS>;

/** Options of commands that stream a job. */
export const WATCH_OPTIONS = {
  url: urlOption(ORCHESTRATORD),
  json: JSON_OPTION,
  raw: flag("--raw", "Print every event as it comes, each as a line of JSON"),
  quiet: QUIET_OPTION,
};

/** Values of {@linkcode WATCH_OPTIONS}. */
export type WatchOptions = ValuesOf<typeof WATCH_OPTIONS>;

/** Options of the command that submits a job; the contract says which values a job may have. */
export const SUBMIT_OPTIONS = {
  model: needed(
    text("-m, --model <model>", "The model (required)", { values: "models" }),
    "--model is required; llorch models list shows the models on this machine",
  ),
  chat: flag(
    "--chat",
    "Send the prompt as a user's message, in the model's chat template",
  ),
  image: texts(
    "--image <file...>",
    "Show the model these images (PNG, JPEG, WebP, GIF, BMP), with --chat; give this option after the prompt",
  ),
  audio: texts(
    "--audio <file...>",
    "Let the model hear these sounds (WAV, MP3), with --chat; give this option after the prompt",
  ),
  maxTokens: number("-n, --max-tokens <count>", "Generate at most this many tokens"),
  temperature: number("-t, --temperature <number>", "0 always takes the most probable token"),
  seed: number("--seed <number>", "The same seed gives the same answer"),
  option: texts(
    "--option <name=value...>",
    "Sampling options as POST /v2/tasks has them, such as top_k=20 or mirostat=2; give this option " +
      "after the prompt",
  ),
  reasoningEffort: oneOf(
    "--reasoning-effort <effort>",
    "How hard to think before the answer, with --chat: none, minimal, low, medium, high or xhigh",
    reasoningEffort.options,
  ),
  reasoningBudget: number(
    "--reasoning-budget <count>",
    "Think for at most this many tokens, with --chat",
  ),
  stop: texts(
    "--stop <text...>",
    "Stop before any of these texts; give this option after the prompt",
  ),
  priority: text("--priority <class>", "interactive (default) or batch", {
    values: ["interactive", "batch"],
  }),
  detach: flag("--detach", "Print the job's id and do not wait for the job"),
  idempotencyKey: text(
    "--idempotency-key <key>",
    "The same key and task do not start a second job",
  ),
  ...WATCH_OPTIONS,
};

/** Values of {@linkcode SUBMIT_OPTIONS}. */
export type SubmitOptions = ValuesOf<typeof SUBMIT_OPTIONS>;
