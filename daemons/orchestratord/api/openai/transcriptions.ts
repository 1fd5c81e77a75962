import {
  eventError,
  openaiRoutes as routes,
  type TaskRequest,
  type Transcription,
  type TranscriptionEvent,
} from "#shared/contracts/mod.ts";
import { CollectedAnswer } from "#shared/collected_answer.ts";
import { defined } from "#shared/json.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import type { StreamItem } from "../../jobs/job_stream.ts";
import type { Orchestrator } from "../../service.ts";
import { askedModel } from "../asked_model.ts";
import type { Translator } from "../dialect/dialect.ts";
import { type FieldNames, inItsWords } from "../dialect/field_names.ts";
import { answer } from "../dialect/serve.ts";
import { type NameSettings, toTask } from "../dialect/task.ts";
import { openaiWriter } from "./stream.ts";
import { type AskedTranscription, readTranscriptionForm } from "./transcription_form.ts";

/** What the model is asked unless the client says it: llama-server's words. */
const PROMPT = "Transcribe audio to text";

/** What the form calls the fields of its task. */
const NAMES: FieldNames = { messages: "file", prompt: "file" };

/** `/v1/audio/transcriptions`: chats about a sound with models that hear. */
export function mountTranscriptions(app: App, orchestrator: Orchestrator): void {
  const { config, loop } = orchestrator;
  app.mount(routes.transcribe, async (call) => {
    const { large, request, caller } = call;
    const form = await readTranscriptionForm(request, {
      maxBytes: Math.min(config.images.max_bytes, large?.bytes ?? config.limits.max_body_bytes),
      idleMs: config.limits.body_timeout_ms,
      onBytes: large?.grow,
    });
    const asked = { ...form, model: askedModel(orchestrator, form.model, caller) };
    const settings = loop.meaning(asked.model);
    const task = await inItsWords(NAMES, () => transcriptionTask(asked, settings));
    const reply = await answer<TranscriptionEvent, Transcription>(orchestrator, call, {
      tasks: [task],
      names: NAMES,
      isStream: /^(?:true|1)$/i.test(form.stream),
      translator: () => new TranscriptionTranslator(),
      writer: openaiWriter,
    });
    if (reply instanceof Response || form.response_format !== "text") return reply;
    return new Response(`${reply.text}\n`, {
      headers: { "content-type": "text/plain; charset=utf-8" },
    });
  });
}

/** The chat that asks for the text of a sound. */
export function transcriptionTask(
  { model, prompt = PROMPT, language, temperature, max_tokens, sound }: Omit<
    AskedTranscription,
    "stream" | "response_format"
  >,
  { parameters, fixed }: NameSettings,
): TaskRequest {
  const text = language === undefined ? prompt : `${prompt} (language: ${language})`;
  const input_audio = { data: sound.toBase64() };
  return toTask({
    model,
    messages: [{
      role: "user",
      // In this order also models answer whose template writes nothing behind a message.
      content: [{ type: "input_audio", input_audio }, { type: "text", text }],
    }],
    ...defined({ temperature, max_tokens }),
  }, { parameters: { temperature: 0, ...parameters }, fixed });
}

/** Makes events and the whole answer of a transcription; what the model thinks is left out. */
class TranscriptionTranslator implements Translator<TranscriptionEvent, Transcription> {
  readonly #answer = new CollectedAnswer();
  #usage: Transcription["usage"] | undefined;

  take(_choice: number, item: StreamItem): TranscriptionEvent[] {
    if (item.kind === "metrics") return [];
    const { event } = item;
    this.#answer.take(event);
    switch (event.event) {
      case "token": {
        const { t, channel, call } = event.data;
        return channel === "reasoning" || call ? [] : [{ type: "transcript.text.delta", delta: t }];
      }
      case "end": {
        const { tokens_in, tokens_out } = event.data;
        this.#usage = {
          type: "tokens",
          input_tokens: tokens_in,
          output_tokens: tokens_out,
          total_tokens: tokens_in + tokens_out,
        };
        return [{ type: "transcript.text.done", ...this.whole() }];
      }
      case "error":
        throw eventError(event.data);
      default:
        return [];
    }
  }

  whole(): Transcription {
    if (!this.#usage) throw new LlorchError("CANCELLED", "The client went away");
    return { text: this.#answer.text, usage: this.#usage };
  }
}
