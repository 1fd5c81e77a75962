import { workerRoutes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import { utf8Length } from "#shared/utf8.ts";
import type { Orchestrator } from "../../service.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import type { Asking } from "../dialect/serve.ts";
import { toTask } from "../dialect/task.ts";

/** Tokens that must stay free: a first and a last one that a model adds, and one that no input may take. */
const RESERVED = 3;

/** Characters of a text that are looked at for each token of the context: more than tokens usually have. */
const LOOK = 8;

/** The model keeps its worker at least this long, since it embeds what was cut, in ms. */
const KEEP_MS = 60_000;

/** A text that may be too long for a model. */
interface LongText {
  readonly model: string;
  readonly text: string;
  /** Tokens that the model's context holds. */
  readonly context: number;
}

/** A text as it is if it surely fits into a context; otherwise its first tokens that do. */
export async function firstTokens(
  orchestrator: Orchestrator,
  asking: Asking,
  { model, text, context }: LongText,
): Promise<string | number[]> {
  const most = Math.max(1, context - RESERVED);
  // A token is at least one byte.
  if (utf8Length(text) <= most) return text;
  const { keepMs } = asking;
  const keeping = keepMs === undefined ? asking : { ...asking, keepMs: Math.max(KEEP_MS, keepMs) };
  const tokenize = async (length: number): Promise<number[]> => {
    try {
      const { reply } = await askWorker(orchestrator, keeping, {
        // Stands in the queue for a call that evaluates nothing.
        task: toTask({ model, prompt: "-", max_tokens: 1 }),
        route: workerRoutes.tokenize,
        input: {
          body: { prompt: text.slice(0, length), add_special: false, beyond_context: true },
        },
        names: { prompt: "input" },
        tokensOf: () => 0,
      });
      return reply.tokens;
    } catch (error) {
      // It has more tokens than a worker reads at once.
      const isDense = error instanceof LlorchError && error.code === "INVALID_REQUEST";
      if (!isDense || length <= context) throw error;
      return await tokenize(Math.max(context, Math.floor(length / 2)));
    }
  };
  const tokens = await tokenize(context * LOOK);
  return tokens.slice(0, most);
}
