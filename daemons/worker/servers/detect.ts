import { LlorchError } from "#shared/errors.ts";
import type { ServerKind } from "./server_kind.ts";
import { asIs, type SwitchNames } from "./chat_switches.ts";
import { llamaServer } from "./llama_server.ts";
import { generateText, readChunk, readIds, samplingFields } from "./openai_text.ts";
import { isRecord } from "#shared/json.ts";
import type { OpenaiServer } from "./server.ts";
import { vllm } from "./vllm.ts";

/** The model whose name a server is to be asked for. */
export interface WantedModel {
  readonly name: string;
  /** Whether the server may have others: then this name counts, whatever it lists first. */
  readonly isOneOfMany: boolean;
}

/**
 * Finds out the kind of a server and its model's name, by requests.
 *
 * 1. llama-server answers `/props`.
 * 2. vLLM answers `/version` and lists its model's `max_model_len`; a test request shows whether it
 *    returns token ids.
 * 3. Any other server is used with text only.
 */
export async function detectServer(
  server: OpenaiServer,
  wanted: WantedModel,
  signal: AbortSignal,
): Promise<{ readonly kind: ServerKind; readonly name: string }> {
  const listed = listedModel(await ask(server, "/v1/models", signal), wanted);
  const name = typeof listed["id"] === "string" ? listed["id"] : wanted.name;
  // 1
  const props = await ask(server, "/props", signal);
  if (isRecord(props) && isRecord(props["default_generation_settings"])) {
    const meta = isRecord(listed["meta"]) ? listed["meta"] : {};
    const size = Number(meta["n_vocab"]) || Infinity;
    return { name, kind: await llamaServer(server, name, props, size, signal) };
  }
  // 2
  const version = await ask(server, "/version", signal);
  const longest = Number(listed["max_model_len"]) || undefined;
  if (isRecord(version) && typeof version["version"] === "string" && longest !== undefined) {
    const tellsIds = await isTellingIds(server, name, signal);
    const fields = chatFields(await ask(server, "/openapi.json", signal));
    return { name, kind: await vllm(server, name, { context: longest, tellsIds, fields }, signal) };
  }
  // 3
  return {
    name,
    kind: {
      name: "openai",
      context: CONTEXT_FIELDS.map((field) => Number(listed[field]) || undefined)
        .find((tokens) => tokens !== undefined),
      vocabularySize: Infinity,
      tokens: undefined,
      thinks: false,
      generateText: (request, order) =>
        generateText(server, name, request, samplingFields(request, {}), OPENAI_SWITCHES, order),
    },
  };
}

/** What servers call the context of a model that they list. */
const CONTEXT_FIELDS = [
  "max_model_len",
  "loaded_context_length",
  "context_length",
  "context_window",
  "max_context_length",
];

/** What OpenAI's API knows; `auto` is how it is there. */
const OPENAI_SWITCHES: SwitchNames = {
  reasoning_effort: asIs("reasoning_effort"),
  reasoning_format: ({ reasoning_format }) => reasoning_format === "auto" ? {} : undefined,
};

/** Fields of a chat request that a server's own description lists; none if it has no description. */
function chatFields(description: unknown): ReadonlySet<string> {
  const at = (value: unknown, key: string) => isRecord(value) ? value[key] : undefined;
  const schemas = at(at(description, "components"), "schemas");
  const properties = at(at(schemas, "ChatCompletionRequest"), "properties");
  return new Set(isRecord(properties) ? Object.keys(properties) : []);
}

/** The reply; undefined if the server does not answer this route. */
async function ask(server: OpenaiServer, path: string, signal: AbortSignal): Promise<unknown> {
  try {
    return await server.get(path, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LlorchError && error.code === "WORKER_LOST") throw error;
    return undefined;
  }
}

function listedModel(reply: unknown, { name, isOneOfMany }: WantedModel): Record<string, unknown> {
  const data = isRecord(reply) && Array.isArray(reply["data"]) ? reply["data"] : [];
  const found = isOneOfMany ? data.find((each) => isRecord(each) && each["id"] === name) : data[0];
  return isRecord(found) ? found : {};
}

async function isTellingIds(
  server: OpenaiServer,
  model: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const counted = await server.post("/tokenize", { model, prompt: "a" }, signal);
    const prompt = readIds(isRecord(counted) ? counted["tokens"] : undefined);
    if (prompt.length === 0) return false;
    const body = { model, prompt, max_tokens: 1, return_token_ids: true };
    const piece = readChunk(await server.post("/v1/completions", body, signal));
    return (piece?.ids.length ?? 0) > 0;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LlorchError && error.code !== "WORKER_LOST") return false;
    throw error;
  }
}
