/**
 * Questions about pictures, to our worker and to llama-server on the same files, in turn: what a new picture costs,
 * a second question about it, and other streams meanwhile.
 *
 * @module
 */
import { join } from "node:path";
import { readSse } from "#shared/http/sse.ts";
import { whyNoMedia } from "../../../daemons/worker/testing/media.ts";
import { dataUrl, png } from "../../support/images.ts";
import { whyNoPeer } from "../../support/peer.ts";
import {
  type Eyes,
  TINY_EYES,
  writeProjector,
  writeSeeingModel,
} from "../../support/vision_model.ts";
import { type Bench, type Figure, median } from "../bench.ts";
import { DEBIANS } from "./options.ts";
import { type Server, startLlamaServer, startWorker } from "./servers.ts";

/** As many tokens as CLIP's pictures of 336 pixels have. */
const EYES: Eyes = {
  ...{ ...TINY_EYES, image: 336, patch: 14, width: 512, heads: 8, feedForward: 2048, blocks: 9 },
  textWidth: 512,
};
const ROUNDS = 7;
/** Streams beside a picture. */
const STREAMS = 4;
const CONTEXT = 2048;
/** Tokens of a stream: more than are generated while a picture is encoded. */
const MANY = 1200;

/** A reply's events, in ms since it was asked for. */
interface Reply {
  readonly times: readonly number[];
  readonly read: number;
}

const reason = whyNoMedia() ?? whyNoPeer();

/** New and known pictures, and streams beside a new one. */
export const pictures: Bench = {
  title: `pictures of ${EYES.image} × ${EYES.image} pixels (random weights, 9 layers of width ` +
    `${EYES.width}), 1 thread, in turn with llama-server; medians of ${ROUNDS} rounds`,
  ...(reason === undefined ? {} : { skipped: reason }),
  async measure() {
    const folder = await Deno.makeTempDir({ prefix: "llorch-pictures-" });
    const servers: Server[] = [];
    try {
      const [model, projector] = [join(folder, "eyes.gguf"), join(folder, "mmproj-eyes.gguf")];
      writeSeeingModel(model, EYES);
      writeProjector(projector, EYES);
      const flags = ["--mmproj", projector];
      const settings = {
        ...{ model, threads: 1, slots: STREAMS + 1, context: CONTEXT, gpu: undefined },
        ...{ ownFlags: flags, peerFlags: flags },
      };
      servers.push(await startWorker(settings));
      servers.push(await startLlamaServer(settings, DEBIANS));
      return [...await questions(servers), await gaps(servers)];
    } finally {
      for (const server of servers) await server.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
};

/** First tokens of questions about new pictures, and of second ones. */
async function questions(servers: readonly Server[]): Promise<Figure[]> {
  const cold = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  const again: number[] = [];
  const read = new Map<string, number>();
  for (let round = 0; round <= ROUNDS; round++) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const first = await ask(server, picture(round), " w1 w2", 1);
      const second = await ask(server, picture(round), " w3", 1);
      read.set(server.name, first.read);
      // The first round only warms up.
      if (round === 0) continue;
      cold.get(server.name)!.push(first.times[0]!);
      if (server.name === "llorch") again.push(second.times[0]! / first.times[0]!);
    }
  }
  const [ours, theirs] = servers.map(({ name }) => cold.get(name)!);
  const ratio = median(ours!.map((ms, round) => ms / theirs![round]!));
  const [ourTokens, theirTokens] = servers.map(({ name }) => read.get(name)!);
  return [
    {
      name: "first token, new picture",
      value: `${median(ours!).toFixed(0)} ms, llama-server ${median(theirs!).toFixed(0)} ms`,
      target: `${ratio.toFixed(2)} ×, at most 1.05`,
      isMet: ratio <= 1.05,
    },
    {
      name: "first token, second question",
      value: `${median(again).toFixed(3)} × the first`,
      target: "at most 0.1",
      isMet: median(again) <= 0.1,
    },
    {
      name: "tokens of the prompt",
      value: `${ourTokens}, llama-server ${theirTokens}`,
      target: "equal",
      isMet: ourTokens === theirTokens,
    },
  ];
}

/** Longest gaps of streams between the question about a picture and its answer. */
async function gaps(servers: readonly Server[]): Promise<Figure> {
  const longest = new Map<string, number[]>(servers.map(({ name }) => [name, []]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const began = performance.now();
      const leave = new AbortController();
      const streams = Array.from(
        { length: STREAMS },
        (_, at) => ask(server, undefined, ` w${at} w${round}`, MANY, leave.signal),
      );
      // Each has a token before the picture comes.
      await new Promise((resolve) => setTimeout(resolve, 300));
      const asked = performance.now() - began;
      await ask(server, picture(100 + round), " w1", 1);
      const answered = performance.now() - began;
      leave.abort();
      const times = (await Promise.all(streams)).map((reply) => reply.times);
      if (round === 0) continue;
      const gap = Math.max(...times.map((all) => gapBetween(all, asked, answered)));
      longest.get(server.name)!.push(gap);
    }
  }
  const [ours, theirs] = servers.map(({ name }) => median(longest.get(name)!));
  return {
    name: `longest gap of ${STREAMS} streams`,
    value: `${ours!.toFixed(0)} ms, llama-server ${theirs!.toFixed(0)} ms`,
    target: `${(ours! / theirs!).toFixed(2)} ×, at most 0.2`,
    isMet: ours! <= 0.2 * theirs!,
  };
}

function gapBetween(times: readonly number[], from: number, to: number): number {
  const inside = [from, ...times.filter((at) => at > from && at < to), to];
  return Math.max(...inside.slice(1).map((at, index) => at - inside[index]!));
}

/** A new picture for each number. */
function picture(number: number): Uint8Array {
  return png(EYES.image, EYES.image, (x, y) => [(x + 31 * number) % 256, y % 256, x * y % 256]);
}

let jobs = 0;

async function ask(
  { name, url }: Server,
  file: Uint8Array | undefined,
  text: string,
  most: number,
  signal?: AbortSignal,
): Promise<Reply> {
  const isOurs = name === "llorch";
  const image = file && [{ type: "image_url", image_url: { url: dataUrl(file) } }];
  const messages = [{ role: "user", content: [...image ?? [], { type: "text", text }] }];
  const body = isOurs
    ? { job_id: `picture-${++jobs}`, attempt: 1, model: "bench", max_tokens: most }
    : { max_tokens: most, stream: true, stream_options: { include_usage: true } };
  const began = performance.now();
  const times: number[] = [];
  let read = 0;
  try {
    const reply = await fetch(`${url}${isOurs ? "/execute" : "/v1/chat/completions"}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...body, messages, temperature: 0 }),
      ...(signal ? { signal } : {}),
    });
    if (!reply.ok) throw new Error(`${name}: ${await reply.text()}`);
    for await (const { event, data } of readSse(reply.body!)) {
      if (
        isOurs ? event === "token" : data !== "[DONE]" && JSON.parse(data).choices[0]?.delta.content
      ) {
        times.push(performance.now() - began);
      }
      if (isOurs && event === "end") read = JSON.parse(data).tokens_in;
      else if (!isOurs && data !== "[DONE]") read = JSON.parse(data).usage?.prompt_tokens ?? read;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  }
  return { times, read };
}
