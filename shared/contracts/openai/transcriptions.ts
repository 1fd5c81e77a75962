import { z } from "zod";
import { MAX_TOKENS, optionalModelName } from "../request.ts";
import { always, is, refuse, type Unsupported } from "./unsupported.ts";

/** Formats with times, which models that answer about sound do not tell. */
const TIMED = ["verbose_json", "srt", "vtt", "diarized_json"];

const UNSUPPORTED: Unsupported = {
  chunking_strategy: is("auto"),
  include: always,
  timestamp_granularities: always,
  known_speaker_names: always,
  known_speaker_references: always,
};

const responseFormat = z.enum(["json", "text"], {
  error: ({ input }) =>
    TIMED.includes(String(input))
      ? "must be json or text: models that answer about sound tell no times"
      : "must be json or text",
});

/** Fields of the form of `POST /v1/audio/transcriptions`, all of them text. */
export const transcriptionForm = z.looseObject({
  file: z.string().meta({ format: "binary", description: "A WAV or MP3 file" }),
  model: optionalModelName,
  prompt: z.string().max(8_192).optional().meta({
    description: "What the model is asked about the sound. Absent: to transcribe it",
  }),
  language: z.string().max(64).optional().meta({
    description: "Language of the sound, such as de",
  }),
  response_format: responseFormat.default("json"),
  temperature: z.coerce.number().min(0).max(2).optional().meta({
    description: "Absent: 0, the most probable text",
  }),
  max_tokens: z.coerce.number().int().min(1).max(MAX_TOKENS).optional().meta({
    description: "Most tokens of the text, which OpenAI's form does not have",
  }),
  stream: z.enum(["true", "false", "True", "False", "1", "0"]).default("false"),
}).superRefine(refuse(UNSUPPORTED));

/** The fields of a form, without its file. */
export type TranscriptionForm = Pick<
  z.output<typeof transcriptionForm>,
  "model" | "prompt" | "language" | "response_format" | "temperature" | "max_tokens" | "stream"
>;

const usage = z.object({
  type: z.literal("tokens"),
  input_tokens: z.number().int(),
  output_tokens: z.number().int(),
  total_tokens: z.number().int(),
});

/** The text of a sound. */
export const transcription = z.object({ text: z.string(), usage }).meta({ id: "Transcription" });

/** The text of a sound. */
export type Transcription = z.output<typeof transcription>;

/** An event of a stream: a part of the text, or all of it at the end. */
export const transcriptionEvent = z.union([
  z.object({ type: z.literal("transcript.text.delta"), delta: z.string() }),
  transcription.extend({ type: z.literal("transcript.text.done") }),
]).meta({ id: "TranscriptionEvent" });

/** An event of a stream: a part of the text, or all of it at the end. */
export type TranscriptionEvent = z.output<typeof transcriptionEvent>;
