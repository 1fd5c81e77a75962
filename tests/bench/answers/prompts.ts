import type { TextMessage } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { ChatTemplate } from "../../../daemons/worker/chat/chat_template.ts";
import { type Worst, worstOf } from "./pause.ts";
import { templateNames, templateSource } from "./source.ts";

const TOOLS: readonly Tool[] = ["find_place", "get_hour", "write_file", "run"].map((name) => ({
  type: "function",
  function: {
    name,
    description: `Does what ${name} does, and says what came of it.`,
    parameters: {
      type: "object",
      properties: {
        path: { type: "string", description: "Where" },
        count: { type: "integer", minimum: 1, maximum: 100 },
        how: { type: "string", enum: ["fast", "well"] },
      },
      required: ["path"],
    },
  },
}));

/** A chat of four turns, with this many characters in each. */
function chatOf(characters: number): TextMessage[] {
  const content = "The quick brown fox jumps over the lazy dog.\n"
    .repeat(Math.ceil(characters / 45)).slice(0, characters);
  return [
    { role: "user", content },
    { role: "assistant", content },
    { role: "user", content },
    { role: "assistant", content },
    { role: "user", content },
  ];
}

/** The slowest of all templates, with short turns or long ones, without the tokenizer's time. */
export async function slowestTemplate(folder: string, characters: number): Promise<Worst> {
  const tokenizer = {
    tokenize: () => Promise.resolve([1]),
    tokenizeNext: () => Promise.resolve([1]),
    bosText: "<s>",
    eosText: "</s>",
    specials: new Map(),
  };
  const works: [string, () => unknown][] = [];
  const messages = chatOf(characters);
  for (const name of await templateNames(folder)) {
    const template = new ChatTemplate(await templateSource(folder, name), tokenizer);
    works.push([name, () => template.tokenize(messages, TOOLS).catch(() => {})]);
  }
  return await worstOf(works);
}
