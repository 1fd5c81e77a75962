import { Template } from "@huggingface/jinja";
import type { Message } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import type { CallSyntax } from "./call_syntax.ts";
import { nativeTurns, plainTurns, type ToolSkills, toolSkills, type Turn } from "./tool_turns.ts";

/**
 * Called with the tokens of a text so far, while more of it is to be read. What it throws ends the
 * reading: nobody waits for the tokens of a text that is far too long.
 */
export type TokensSeen = (count: number) => void;

/** What a chat template may ask of its tokenizer. */
export interface ChatTokenizer {
  /** Text as tokens; with `special`, control tokens that are written out become those tokens. */
  tokenize(text: string, special: boolean, seen?: TokensSeen): Promise<number[]>;
  readonly bosText: string;
  readonly eosText: string;
}

/**
 * Turns a chat into tokens by a model's own Jinja template. The template's markup becomes control
 * tokens; what people wrote never does, whatever it looks like.
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokenizer: ChatTokenizer;
  readonly #skills: ToolSkills;

  /** @throws when the template cannot be parsed. */
  constructor(source: string, tokenizer: ChatTokenizer) {
    this.#template = new Template(source);
    this.#tokenizer = tokenizer;
    this.#skills = toolSkills((turns, tools) => this.#render(turns, tools));
  }

  /** How the model writes calls of tools. */
  get callSyntax(): CallSyntax {
    return this.#skills.syntax;
  }

  /** @throws {LlorchError} `INVALID_REQUEST` when the template refuses the messages. */
  async tokenize(
    messages: readonly Message[],
    tools: readonly Tool[] = [],
    seen?: TokensSeen,
  ): Promise<number[]> {
    const { native, argumentsAs, system } = this.#skills;
    const turns = native ? nativeTurns(messages, argumentsAs) : plainTurns(messages, tools, system);
    const offered = native ? tools : [];
    const text = this.#renderOrRefuse(turns, offered);
    // Tools and calls are written by the template itself: there is no keeping them apart.
    const calls = turns.flatMap((turn) => turn.tool_calls ?? []);
    const isDisguised = (said: string) => this.#hasControlTokens(said, seen);
    if (offered.length > 0 && await isDisguised(JSON.stringify(offered))) refuse("tools");
    if (calls.length > 0 && await isDisguised(JSON.stringify(calls))) refuse("messages");
    for (const turn of turns) {
      if (await isDisguised(turn.content)) return await this.#tokenizeApart(turns, offered, text);
    }
    return await this.#tokenizer.tokenize(text, true, seen);
  }

  #render(turns: readonly Turn[], tools: readonly Tool[]): string {
    const { bosText, eosText } = this.#tokenizer;
    return this.#template.render({
      messages: turns,
      ...(tools.length > 0 ? { tools } : {}),
      add_generation_prompt: true,
      bos_token: bosText,
      eos_token: eosText,
    });
  }

  #renderOrRefuse(turns: readonly Turn[], tools: readonly Tool[]): string {
    try {
      return this.#render(turns, tools);
    } catch (error) {
      throw invalidRequest([{
        field: "messages",
        message: `the model's chat template refuses them: ${errorMessage(error)}`,
      }]);
    }
  }

  async #hasControlTokens(text: string, seen: TokensSeen | undefined): Promise<boolean> {
    const { tokenize } = this.#tokenizer;
    const plain = await tokenize(text, false, seen);
    const special = await tokenize(text, true, seen);
    return plain.length !== special.length || plain.some((token, at) => token !== special[at]);
  }

  /**
   * Renders with marks in place of what people wrote, then tokenizes markup and writing apart.
   * Fails where the template does more with a message than to put it in its place.
   */
  async #tokenizeApart(
    turns: readonly Turn[],
    tools: readonly Tool[],
    expected: string,
  ): Promise<number[]> {
    // Private-use characters, not the same in two requests: nobody can write them on purpose.
    const mark = crypto.randomUUID();
    const marked = this.#renderOrRefuse(
      turns.map((turn, index) => ({
        ...turn,
        // A template may leave out what is empty.
        content: turn.content === "" ? "" : `\ue000${mark}:${index}\ue001`,
      })),
      tools,
    );
    const parts = marked.split(new RegExp(`\ue000${mark}:(\\d+)\ue001`));
    const pieces = parts.map((part, index) =>
      index % 2 === 0
        ? { text: part, markup: true }
        : { text: turns[Number(part)]!.content, markup: false }
    );
    for (const trim of [(text: string) => text, (text: string) => text.trim()]) {
      const trimmed = pieces.map((piece) =>
        piece.markup ? piece : { ...piece, text: trim(piece.text) }
      );
      if (trimmed.map((piece) => piece.text).join("") !== expected) continue;
      const tokens: number[][] = [];
      for (const { text, markup } of trimmed) {
        tokens.push(await this.#tokenizer.tokenize(text, markup));
      }
      return tokens.flat();
    }
    refuse("messages");
  }
}

/** @throws {LlorchError} always */
function refuse(field: "messages" | "tools"): never {
  throw new LlorchError(
    "INVALID_REQUEST",
    `Cannot accept the request: ${field}: they contain the model's control tokens as text, ` +
      "which its chat template cannot keep apart from its own",
    { details: { errors: [{ field, message: "contain control tokens" }] } },
  );
}
