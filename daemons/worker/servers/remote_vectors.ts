import { LlorchError } from "#shared/errors.ts";
import type { Model } from "../model.ts";
import { isRecord } from "#shared/json.ts";
import type { OpenaiServer } from "./server.ts";

/** Answers the worker's `/embed` by the server's `/v1/embeddings`. */
export async function remoteEmbed(
  server: OpenaiServer,
  model: string,
  { input }: Parameters<Model["embed"]>[0],
  signal: AbortSignal,
): ReturnType<Model["embed"]> {
  const reply = await server.post("/v1/embeddings", {
    model,
    input: input.length === 1 ? input[0] : input,
    encoding_format: "float",
  }, signal);
  const data = isRecord(reply) && Array.isArray(reply["data"])
    ? reply["data"].filter(isRecord)
    : [];
  const vectors = data.sort((a, b) => Number(a["index"]) - Number(b["index"]))
    .map(({ embedding }) => unit(embedding));
  if (vectors.length !== input.length) {
    throw new LlorchError(
      "INTERNAL",
      `The engine made ${vectors.length} vectors of ${input.length}`,
    );
  }
  return {
    embeddings: vectors.map((vector) => new Uint8Array(vector.buffer).toBase64()),
    tokens: promptTokens(reply),
  };
}

/** Answers the worker's `/rerank` by the server's `/v1/rerank`. */
export async function remoteRerank(
  server: OpenaiServer,
  model: string,
  { query, documents }: Parameters<Model["rerank"]>[0],
  signal: AbortSignal,
): ReturnType<Model["rerank"]> {
  const reply = await server.post("/v1/rerank", { model, query, documents }, signal);
  const results = isRecord(reply) && Array.isArray(reply["results"]) ? reply["results"] : [];
  const scores = new Array<number>(documents.length).fill(NaN);
  for (const result of results.filter(isRecord)) {
    scores[Number(result["index"])] = Number(result["relevance_score"]);
  }
  if (scores.some((score) => !Number.isFinite(score))) {
    throw new LlorchError("INTERNAL", "The engine left documents without a score");
  }
  return { scores: toShares(scores), tokens: promptTokens(reply) };
}

/** Scores from 0 to 1: if a server returns raw scores, the logistic function is applied. */
function toShares(scores: readonly number[]): number[] {
  const isShare = scores.every((score) => score >= 0 && score <= 1);
  return isShare ? [...scores] : scores.map((score) => 1 / (1 + Math.exp(-score)));
}

function unit(embedding: unknown): Float32Array<ArrayBuffer> {
  const vector = Float32Array.from(Array.isArray(embedding) ? embedding.map(Number) : []);
  const length = Math.hypot(...vector);
  return length > 0 ? vector.map((value) => value / length) : vector;
}

function promptTokens(reply: unknown): number {
  const usage = isRecord(reply) && isRecord(reply["usage"]) ? reply["usage"] : {};
  return Number(usage["prompt_tokens"] ?? usage["total_tokens"] ?? 0);
}
