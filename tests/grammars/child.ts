/**
 * Lets llama.cpp generate with one grammar after another, without our check, and prints its
 * progress: `[index]` before each grammar, `[index, outcome]` after it. Grammars come as one JSON
 * array on stdin, the model's path as the argument.
 *
 * @module
 */
import { getLlama, LlamaCompletion, LlamaGrammar } from "node-llama-cpp";

const [modelPath] = Deno.args as [string];
const { first, grammars } = await new Response(Deno.stdin.readable).json() as {
  readonly first: number;
  readonly grammars: readonly string[];
};
const say = (line: unknown) => console.log(JSON.stringify(line));

const llama = await getLlama({
  ...{ gpu: false, build: "never", skipDownload: true, progressLogs: false } as const,
  ...{ maxThreads: 1, logLevel: "disabled" as LlamaSilence },
});
const model = await llama.loadModel({ modelPath });
const context = await model.createContext({ contextSize: 256, batchSize: 64, threads: 1 });
const completion = new LlamaCompletion({ contextSequence: context.getSequence() });
for (const [index, grammar] of grammars.entries()) {
  if (index < first) continue;
  say([index]);
  say([index, await outcomeOf(grammar, index)]);
}
Deno.exit(0);

async function outcomeOf(text: string, seed: number): Promise<"refused" | "ended" | "no token"> {
  let grammar: LlamaGrammar;
  try {
    grammar = new LlamaGrammar(llama, { grammar: text });
  } catch {
    return "refused";
  }
  try {
    await completion.generateCompletion("w1", { grammar, maxTokens: 24, temperature: 8, seed });
    return "ended";
  } catch {
    return "no token";
  }
}

type LlamaSilence = NonNullable<Parameters<typeof getLlama>[0]> extends infer Options
  ? Options extends { logLevel?: infer Level } ? Level : never
  : never;
