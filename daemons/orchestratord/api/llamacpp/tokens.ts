import {
  inputsOf,
  llamaRoutes as routes,
  type TokenPiece,
  workerRoutes,
} from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App, Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import { askedModel } from "../asked_model.ts";
import { askWorker } from "../dialect/ask_worker.ts";
import { chatPrompt } from "../dialect/chat_prompt.ts";
import { toTask } from "../dialect/task.ts";
import { floats, inputTask } from "../dialect/vectors.ts";
import { chatNames, chatTasks } from "../openai/chat.ts";
import { normalised } from "./normalised.ts";

/** Nothing is evaluated. */
const tokensOf = () => 0;

/** `/tokenize`, `/detokenize`, `/apply-template` and `/embedding`: jobs that consist of one call of a worker. */
export function mountTokens(app: App, orchestrator: Orchestrator): void {
  const { loop } = orchestrator;

  /** Stands in the queue for a call that evaluates nothing, however long its text is. */
  const standIn = (given: string, caller: Caller | undefined) => {
    const model = askedModel(orchestrator, given, caller);
    return toTask({ model, prompt: "-", max_tokens: 1 }, loop.meaning(model));
  };

  app.mount(routes.nativeTokenize, async (call) => {
    const { model, content, add_special, parse_special, with_pieces } = call.body;
    const items = Array.isArray(content) ? content : content == null ? [] : [content];
    const tokens: number[] = [];
    const pieces: TokenPiece[] = [];
    for (const [index, item] of items.entries()) {
      if (typeof item === "number") {
        tokens.push(item);
        continue;
      }
      const body = {
        prompt: item,
        add_special: index === 0 && add_special === true,
        special: parse_special ?? true,
        with_pieces: with_pieces ?? false,
        beyond_context: true,
      };
      const { reply } = await askWorker(orchestrator, call, {
        task: standIn(model, call.caller),
        route: workerRoutes.tokenize,
        input: { body },
        names: { prompt: "content" },
        tokensOf,
      });
      tokens.push(...reply.tokens);
      pieces.push(...reply.pieces ?? []);
    }
    if (!with_pieces) return { tokens };
    if (pieces.length !== tokens.length) {
      throw new LlorchError("INTERNAL", "The worker did not tell the pieces of all tokens");
    }
    return { tokens: tokens.map((id, index) => ({ id, piece: pieces[index]! })) };
  });

  app.mount(routes.nativeDetokenize, async (call) => {
    const { model, tokens } = call.body;
    const { reply } = await askWorker(orchestrator, call, {
      task: standIn(model, call.caller),
      route: workerRoutes.detokenize,
      input: { body: { tokens } },
      names: { prompt: "tokens" },
      tokensOf,
    });
    return { content: reply.text };
  });

  app.mount(routes.nativeTemplate, async (call) => {
    const model = askedModel(orchestrator, call.body.model, call.caller);
    const [task] = chatTasks({ ...call.body, model, n: 1 }, loop.meaning(model));
    const { messages, ...rest } = chatPrompt(task!);
    const { reply } = await askWorker(orchestrator, call, {
      task: standIn(model, call.caller),
      route: workerRoutes.render,
      input: { body: { ...rest, messages: messages! } },
      names: chatNames(call.body),
      tokensOf,
    });
    return reply;
  });

  app.mount(routes.nativeEmbedding, async (call) => {
    const { content, input, embd_normalize } = call.body;
    const inputs = inputsOf(content ?? input!);
    const field = content == null ? "input" : "content";
    const { reply: { embeddings } } = await askWorker(orchestrator, call, {
      task: inputTask(askedModel(orchestrator, call.body.model, call.caller), inputs),
      route: workerRoutes.embed,
      input: { body: { input: inputs } },
      names: { input: field, prompt: field, prompt_tokens: field },
      tokensOf: ({ tokens }) => tokens,
    });
    return embeddings.map((vector, index) => ({
      index,
      embedding: [normalised(floats(vector), embd_normalize ?? 2)],
    }));
  });
}
