import { Template } from "@huggingface/jinja";
import type { Message } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import type { CallSyntax } from "./call_syntax.ts";
import { nativeTurns, plainTurns, type ToolSkills, toolSkills, type Turn } from "./tool_turns.ts";

/**
 * Called with the number of tokens so far while a long text is tokenized. It may throw to stop the
 * tokenizing of a text that is far too long.
 */
export type TokensSeen = (count: number) => void;

/** The tokenizer that {@linkcode ChatTemplate} uses. */
export interface ChatTokenizer {
  /** Tokenizes a text; with `special`, the text of control tokens becomes those tokens. */
  tokenize(text: string, special: boolean, seen?: TokensSeen): Promise<number[]>;
  readonly bosText: string;
  readonly eosText: string;
}

/**
 * Converts a chat to tokens with the model's own Jinja template. The template's markup becomes
 * control tokens; the text of messages never does, whatever it contains.
 */
export class ChatTemplate {
  readonly #template: Template;
  readonly #tokenizer: ChatTokenizer;
  readonly #skills: ToolSkills;

  /** @throws if the template cannot be parsed */
  constructor(source: string, tokenizer: ChatTokenizer) {
    this.#template = new Template(source);
    this.#tokenizer = tokenizer;
    this.#skills = toolSkills((turns, tools) => this.#render(turns, tools));
  }

  /** How the model writes tool calls. */
  get callSyntax(): CallSyntax {
    return this.#skills.syntax;
  }

  /** @throws {LlorchError} `INVALID_REQUEST` if the template refuses the messages */
  async tokenize(
    messages: readonly Message[],
    tools: readonly Tool[] = [],
    seen?: TokensSeen,
  ): Promise<number[]> {
    const { native, argumentsAs, system } = this.#skills;
    const turns = native ? nativeTurns(messages, argumentsAs) : plainTurns(messages, tools, system);
    const offered = native ? tools : [];
    const text = this.#renderOrRefuse(turns, offered);
    // The template itself writes tools and calls, so their text cannot be separated from its
    // markup.
    const calls = turns.flatMap((turn) => turn.tool_calls ?? []);
    const isDisguised = (text: string) => this.#hasControlTokens(text, seen);
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
   * Renders the template with placeholders for the messages' text, then tokenizes markup and text
   * separately. Throws if the template changes a message's text in other ways than trimming it.
   */
  async #tokenizeApart(
    turns: readonly Turn[],
    tools: readonly Tool[],
    expected: string,
  ): Promise<number[]> {
    // Random in each request, so that nobody can write such a placeholder on purpose.
    const mark = crypto.randomUUID();
    const marked = this.#renderOrRefuse(
      turns.map((turn, index) => ({
        ...turn,
        // A template may leave out empty messages.
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
