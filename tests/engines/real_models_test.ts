/**
 * Greedy texts of real models in our worker, beside those of llama-server with the same files. Both are
 * llama.cpp, of different versions and builds: sums are not rounded alike, so that two nearly equal
 * candidates may change places. Until then the tokens are the same.
 *
 * @module
 */
import assert from "node:assert/strict";
import { workerRoutes } from "#shared/contracts/worker.ts";
import { loadLibllama } from "../../daemons/worker/engine/libllama/load.ts";
import { openWorker, whenReady } from "../../daemons/worker/testing/worker.ts";
import { PEER_TOOL, whyNoPeer } from "../support/peer.ts";
import {
  REAL_MODELS,
  type RealModelName,
  realModelPath,
  whyNoRealModels,
} from "../support/real_models.ts";
import { startCommand, until } from "../support/stack.ts";

const reason = whyNoPeer() ?? whyNoRealModels();
const title = (text: string) => reason === undefined ? text : `${text} (skipped: ${reason})`;

/** Tokens that are asked for. */
const TOKENS = 48;

/** Two candidates whose logarithms of probability differ by less may change places. */
const NEARLY_EQUAL = 0.25;

/** What is continued: a user's turn of a chat, or a plain text. */
type Asked = { readonly chat: string } | { readonly prompt: string };

/** A generated token, and the two most probable ones that it was chosen from. */
interface Step {
  readonly id: number;
  readonly top: readonly { readonly id: number; readonly logprob: number }[];
}

/** The ids of a prompt and of a greedy answer. */
interface Said<Token> {
  readonly prompt: readonly number[];
  readonly answer: readonly Token[];
}

const CHATS = ["What is the capital of Norway?", "Write a haiku about snow.", "2 + 2 = ?"];
const PROMPTS = [
  "Once upon a time",
  "The three largest cities of Norway are",
  "def fibonacci(n):\n",
];

/** What each model is asked; Gemma is a base model, without a chat template. */
const ASKED: Readonly<Record<RealModelName, readonly Asked[]>> = {
  "smollm2-135m-instruct-q4_1": [
    ...CHATS.map((chat) => ({ chat })),
    ...PROMPTS.map((prompt) => ({ prompt })),
  ],
  "gemma-3-270m-q4_k_m": PROMPTS.map((prompt) => ({ prompt })),
};

for (const name of REAL_MODELS) {
  Deno.test({
    name: title(`${name} says the same here and in llama-server, in chats and raw`),
    ignore: reason !== undefined,
    async fn(t) {
      const path = realModelPath(name);
      await withWorker(path, (ours) =>
        withServer(path, async (theirs) => {
          for (const asked of ASKED[name]) {
            await t.step(JSON.stringify(asked), async () => {
              check(await ours(asked), await theirs(asked));
            });
          }
        }));
    },
  });
}

/** The same tokens, up to one that could as well have been the other. */
function check(ours: Said<number>, theirs: Said<Step>): void {
  assert.deepEqual(ours.prompt, theirs.prompt, "the prompt");
  const at = theirs.answer.findIndex(({ id }, index) => ours.answer[index] !== id);
  const step = theirs.answer[at];
  if (step === undefined || ours.answer[at] === undefined) return;
  const [first, second] = step.top;
  assert.equal(ours.answer[at], second?.id, `token ${at}`);
  const gap = first!.logprob - second!.logprob;
  assert.ok(
    gap < NEARLY_EQUAL,
    `token ${at} is another, though llama-server prefers its own by ${gap}`,
  );
}

async function withWorker(
  model: string,
  test: (ours: (asked: Asked) => Promise<Said<number>>) => Promise<void>,
): Promise<void> {
  const { worker, client } = await openWorker(loadLibllama, { model, context: 2048 });
  try {
    await whenReady(client);
    let jobs = 0;
    await test(async (asked) => {
      const input = "chat" in asked ? { messages: chatOf(asked.chat) } : asked;
      const { tokens } = await client.call(workerRoutes.tokenize, { body: input });
      const { events } = await client.stream(workerRoutes.execute, {
        body: {
          ...{ model: "real", job_id: `job${++jobs}`, attempt: 1, temperature: 0 },
          ...{ max_tokens: TOKENS, ...input },
        },
      });
      const answer: number[] = [];
      for await (const { event, data } of events) {
        if (event === "token") answer.push(...JSON.parse(data).ids);
        assert.notEqual(event, "error", data);
      }
      return { prompt: tokens, answer };
    });
  } finally {
    worker.shutdown();
    await worker.ended;
  }
}

async function withServer(
  model: string,
  test: (theirs: (asked: Asked) => Promise<Said<Step>>) => Promise<void>,
): Promise<void> {
  const port = freePort();
  const program = startCommand(PEER_TOOL, [
    ...["run", "llama-server", "-m", model, "--host", "127.0.0.1", "--port", String(port)],
    ...["-c", "2048", "-np", "1", "-t", "1", "-ngl", "0", "--no-ui"],
  ]);
  const url = `http://127.0.0.1:${port}`;
  const post = async (path: string, body: Record<string, unknown>) => {
    const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
    assert.ok(response.ok, await response.clone().text());
    return await response.json();
  };
  try {
    await until("llama-server has loaded", async () => {
      const health = await fetch(`${url}/health`).catch(() => undefined);
      await health?.body?.cancel();
      return health?.ok === true;
    });
    await test(async (asked) => {
      const content = "chat" in asked
        ? (await post("/apply-template", { messages: chatOf(asked.chat) })).prompt
        : asked.prompt;
      const special = { add_special: true, parse_special: "chat" in asked };
      const { tokens } = await post("/tokenize", { content, ...special });
      const { completion_probabilities: steps } = await post("/completion", {
        ...{ prompt: tokens, temperature: 0, n_predict: TOKENS, n_probs: 2 },
      });
      return {
        prompt: tokens,
        answer: steps.map((
          { id, top_logprobs: top }: { id: number; top_logprobs: Step["top"] },
        ) => ({
          id,
          top,
        })),
      };
    });
  } finally {
    program.kill("SIGTERM");
    await program.status;
  }
}

const chatOf = (content: string) => [{ role: "user" as const, content }];

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
