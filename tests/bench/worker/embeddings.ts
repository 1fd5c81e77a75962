/**
 * Embeddings of many short texts at once, by our worker and by llama-server on the same file, in turn.
 *
 * @module
 */
import { join } from "node:path";
import { writeEncoderModel } from "../../support/encoder_model.ts";
import { seededRandom } from "../../support/random.ts";
import { type Bench, type Figure, median } from "../bench.ts";
import { DEBIANS } from "./options.ts";
import { type Server, startLlamaServer, startWorker } from "./servers.ts";

const TEXTS = 64;
/** Words of a text. */
const WORDS = 12;
const ROUNDS = 5;
/** Calls of a round; each has other texts. */
const CALLS = 3;
const NUMBERS = 2_000;
const CONTEXT = 2_048;

/** Vectors per second. */
export const embeddings: Bench = {
  title:
    `${TEXTS} texts of ${WORDS} words in one call (BERT of 6 layers, width 384, random weights), ` +
    `1 thread, in turn with llama-server; medians of ${ROUNDS} rounds`,
  async measure() {
    const folder = await Deno.makeTempDir({ prefix: "llorch-embeddings-" });
    const servers: Server[] = [];
    try {
      const model = join(folder, "encoder.gguf");
      writeEncoderModel(model, {
        ...{ purpose: "embed", layers: 6, width: 384, heads: 12, feedForward: 1_536 },
        ...{ numbers: NUMBERS, context: CONTEXT, type: "F16" },
      });
      const settings = { model, threads: 1, slots: 1, context: CONTEXT, gpu: undefined };
      servers.push(await startWorker({ ...settings, ownFlags: [] }));
      const peerFlags = ["--embeddings", "--ubatch-size", String(CONTEXT), "--kv-unified"];
      // Each of its slots computes one text.
      const theirs = {
        ...settings,
        slots: TEXTS,
        context: CONTEXT / TEXTS,
        ownFlags: [],
        peerFlags,
      };
      servers.push(await startLlamaServer(theirs, DEBIANS));
      return await inTurn(servers);
    } finally {
      for (const server of servers) await server.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
};

async function inTurn(servers: readonly Server[]): Promise<Figure[]> {
  const random = seededRandom(11);
  const text = () =>
    Array.from({ length: WORDS }, () => `w${Math.floor(random() * NUMBERS)}`).join(" ");
  const rates = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    const calls = Array.from({ length: CALLS }, () => Array.from({ length: TEXTS }, text));
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const began = performance.now();
      for (const input of calls) await embed(server, input);
      const seconds = (performance.now() - began) / 1_000;
      // The first round only warms up.
      if (round > 0) rates.get(server.name)!.push(CALLS * TEXTS / seconds);
    }
  }
  const [ours, theirs] = servers.map(({ name }) => rates.get(name)!);
  const ratio = median(ours!.map((rate, round) => rate / theirs![round]!));
  return [{
    name: "embeddings/s",
    value: `${median(ours!).toFixed(0)}/s, llama-server ${median(theirs!).toFixed(0)}/s`,
    target: `${ratio.toFixed(2)} ×, at least 1`,
    isMet: ratio >= 1,
  }];
}

async function embed({ name, url }: Server, input: readonly string[]): Promise<void> {
  const isOurs = name === "llorch";
  const reply = await fetch(`${url}${isOurs ? "/embed" : "/v1/embeddings"}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(isOurs ? { input } : { input, encoding_format: "base64" }),
  });
  const body = await reply.json();
  const count = (isOurs ? body.embeddings : body.data)?.length;
  if (count !== input.length) throw new Error(`${name}: ${count} of ${input.length} vectors came`);
}
