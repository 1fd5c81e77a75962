import { Template } from "@huggingface/jinja";
import type { Message } from "#shared/contracts/request.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";

/** What a chat template may ask of its tokenizer. */
export interface ChatTokenizer {
  /** Text as tokens; with `special`, control tokens that are written out become those tokens. */
  tokenize(text: string, special: boolean): number[];
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

  /** @throws when the template cannot be parsed. */
  constructor(source: string, tokenizer: ChatTokenizer) {
    this.#template = new Template(source);
    this.#tokenizer = tokenizer;
  }

  /** @throws {LlorchError} `INVALID_REQUEST` when the template refuses the messages. */
  tokenize(messages: readonly Message[]): number[] {
    const text = this.#render(messages);
    const disguised = messages.some((message) => this.#hasControlTokens(message.content));
    return disguised ? this.#tokenizeApart(messages, text) : this.#tokenizer.tokenize(text, true);
  }

  #render(messages: readonly Message[]): string {
    const { bosText, eosText } = this.#tokenizer;
    try {
      return this.#template.render({
        messages: messages.map((message) => ({ ...message })),
        add_generation_prompt: true,
        bos_token: bosText,
        eos_token: eosText,
      });
    } catch (error) {
      throw invalidRequest([{
        field: "messages",
        message: `the model's chat template refuses them: ${errorMessage(error)}`,
      }]);
    }
  }

  #hasControlTokens(text: string): boolean {
    const { tokenize } = this.#tokenizer;
    return tokenize(text, true).join() !== tokenize(text, false).join();
  }

  /**
   * Renders with marks in place of what people wrote, then tokenizes markup and writing apart.
   * Fails where the template does more with a message than to put it in its place.
   */
  #tokenizeApart(messages: readonly Message[], expected: string): number[] {
    // Private-use characters, not the same in two requests: nobody can write them on purpose.
    const mark = crypto.randomUUID();
    const marked = this.#render(
      messages.map((message, index) => ({ ...message, content: `\ue000${mark}:${index}\ue001` })),
    );
    const parts = marked.split(new RegExp(`\ue000${mark}:(\\d+)\ue001`));
    const pieces = parts.map((part, index) =>
      index % 2 === 0
        ? { text: part, markup: true }
        : { text: messages[Number(part)]!.content, markup: false }
    );
    for (const trim of [(text: string) => text, (text: string) => text.trim()]) {
      const trimmed = pieces.map((piece) =>
        piece.markup ? piece : { ...piece, text: trim(piece.text) }
      );
      if (trimmed.map((piece) => piece.text).join("") !== expected) continue;
      return trimmed.flatMap(({ text, markup }) => this.#tokenizer.tokenize(text, markup));
    }
    throw new LlorchError(
      "INVALID_REQUEST",
      "Cannot accept the request: messages: they contain the model's control tokens as text, " +
        "which its chat template cannot keep apart from its own",
      { details: { errors: [{ field: "messages", message: "contain control tokens" }] } },
    );
  }
}
