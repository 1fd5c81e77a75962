import { z } from "zod";
import { tokenId } from "../common.ts";
import {
  checkHeld,
  openaiHead,
  openaiShape,
  openaiUsage,
  promptProgress,
  timings,
} from "./common.ts";
import { UNHELD } from "./lenient.ts";
import { always, is, refuse, type Unsupported } from "./unsupported.ts";
import { ALWAYS, optionalModelName, requestShape } from "../request.ts";

/** Most prompts of one request, and most choices for all of them together. */
const MAX_PROMPTS = 64;
const MAX_CHOICES = 64;

const text = z.string();
const tokens = z.array(tokenId).min(1);

const UNSUPPORTED: Unsupported = {
  ...UNHELD,
  reasoning_effort: always,
  reasoning_budget_tokens: always,
  thinking_budget_tokens: always,
  chat_template_kwargs: always,
  add_special_tokens: is(true),
};

/** Body of `POST /v1/completions`. */
export const completionRequest = z.looseObject({
  model: optionalModelName,
  prompt: z.union([
    text,
    tokens,
    z.array(text).min(1).max(MAX_PROMPTS),
    z.array(tokens).min(1).max(MAX_PROMPTS),
  ], {
    error: `must be a text, token ids, or a list of at most ${MAX_PROMPTS} of either`,
  }),
  ...openaiShape,
  suffix: requestShape.suffix.nullable()
    .meta({ description: "Text behind the completion, for models trained to fill in between" }),
  special: requestShape.special.nullable().meta({
    description: "false: the text of control tokens in a prompt stays text; default: true",
  }),
  echo: z.boolean().nullish()
    .meta({
      description: "true: the prompt's text comes before the completion, and with logprobs those " +
        "of its tokens",
    }),
  logprobs: z.union([z.boolean(), z.number().int().min(0).max(20)]).nullish().meta({
    description: "Send each token's logprob and those of this many most probable candidates; " +
      "true: of none",
  }).transform((given) => typeof given === "boolean" ? (given ? 0 : undefined) : given),
}).superRefine(refuse(UNSUPPORTED), ALWAYS).superRefine((body, context) => {
  checkHeld(body, context);
  const hasLogprobs = typeof body.logprobs === "number";
  if (body.echo && !hasLogprobs && !isText(promptsOf(body.prompt))) {
    const message = "needs prompts of text, or logprobs";
    context.addIssue({ code: "custom", path: ["echo"], message });
  }
  for (const field of ["stream", "suffix"] as const) {
    if (!body.echo || !hasLogprobs || !body[field]) continue;
    const message = "is not supported with echo and logprobs";
    context.addIssue({ code: "custom", path: [field], message });
  }
  if (body.suffix && typeof promptsOf(body.prompt)[0] !== "string") {
    context.addIssue({ code: "custom", path: ["suffix"], message: "needs a prompt of text" });
  }
  if (body.post_sampling_probs && typeof body.logprobs !== "number") {
    const message = "needs logprobs";
    context.addIssue({ code: "custom", path: ["post_sampling_probs"], message });
  }
  if (promptsOf(body.prompt).length * (body.n ?? 1) <= MAX_CHOICES) return;
  const message = `asks for more than ${MAX_CHOICES} choices over all prompts`;
  context.addIssue({ code: "custom", path: ["n"], message });
}).meta({ id: "CompletionRequest" });

function isText(prompts: readonly (string | number[])[]): boolean {
  return prompts.every((prompt) => typeof prompt === "string");
}

/** A validated completion request. */
export type CompletionRequest = z.output<typeof completionRequest>;

/** The prompts of a request as a list, each a text or token ids. */
export function promptsOf(prompt: CompletionRequest["prompt"]): (string | number[])[] {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "number" ? [prompt as number[]] : prompt as string[] | number[][];
}

const completionHead = { ...openaiHead, object: z.literal("text_completion") };
const completionLogprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number().nullable())
    .meta({ description: "null for the first token of a prompt" }),
  top_logprobs: z.array(z.record(z.string(), z.number()).nullable()).nullable(),
  text_offset: z.array(z.number().int()),
}).nullable().meta({ id: "CompletionLogprobs" });

/** Probabilities of tokens in a completion. */
export type CompletionLogprobs = z.output<typeof completionLogprobs>;

const choice = { index: z.number().int(), text: z.string(), logprobs: completionLogprobs };
const finishReason = z.enum(["stop", "length"]);

/** Reply of `POST /v1/completions` that is not streamed. */
export const completion = z.object({
  ...completionHead,
  choices: z.array(z.object({ ...choice, finish_reason: finishReason })),
  usage: openaiUsage,
  timings: timings.optional(),
}).meta({ id: "Completion" });

/** A completion that is not streamed. */
export type Completion = z.output<typeof completion>;

/** An event of a streamed completion. */
export const completionChunk = z.object({
  ...completionHead,
  choices: z.array(z.object({ ...choice, finish_reason: finishReason.nullable() })),
  usage: openaiUsage.nullable().optional(),
  timings: timings.optional(),
  prompt_progress: promptProgress.optional(),
}).meta({ id: "CompletionChunk" });

/** An event of a streamed completion. */
export type CompletionChunk = z.output<typeof completionChunk>;
