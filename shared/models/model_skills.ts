import { type MetadataValue, TEMPLATE_KEY } from "./gguf_header.ts";

/** What a model can do, in the words of Ollama's `capabilities`. */
export type ModelSkill = "completion" | "tools" | "thinking" | "insert" | "embedding" | "rerank";

/** `pooling_type` of models that rank. */
const RANK_POOLING = 4;
/** Architectures whose models only make vectors. */
const ENCODERS = /^(?:.*bert.*|t5encoder|gemma-embedding)$/;
/** Marks and variables by which a template shows that its model thinks. */
const THINKS =
  /enable_thinking|reasoning_content|reasoning_effort|<think>|<\|channel\|?>|\[THINK\]/;

/** What a model can do, from its metadata; its template is only searched for telling words. */
export function skillsOf(
  metadata: ReadonlyMap<string, MetadataValue>,
  architecture: string,
): ModelSkill[] {
  const pooling = metadata.get(`${architecture}.pooling_type`);
  if (pooling === RANK_POOLING) return ["rerank"];
  const isEncoder = typeof pooling === "number" && pooling > 0 || ENCODERS.test(architecture);
  if (isEncoder) return ["embedding"];
  const template = metadata.get(TEMPLATE_KEY);
  const text = typeof template === "string" ? template : "";
  const fillsIn = ["fim_pre_token_id", "prefix_token_id"].some((key) =>
    metadata.has(`tokenizer.ggml.${key}`)
  );
  return [
    "completion",
    ...(/\btools\b/.test(text) ? ["tools" as const] : []),
    ...(THINKS.test(text) ? ["thinking" as const] : []),
    ...(fillsIn ? ["insert" as const] : []),
  ];
}
