import type { ChosenLogprob } from "#shared/contracts/events.ts";
import type { Span } from "./reader/parts.ts";

interface Token extends Span {
  readonly logprob: ChosenLogprob;
}

/**
 * Assigns the logprobs of tokens to the text that the tokens are part of: those of the answer's text
 * apart from those of thoughts, calls and marks. Places are counted in characters of all text that
 * the model wrote.
 */
export class ContentLogprobs {
  /** Tokens that were not assigned, in their order. */
  #tokens: Token[] = [];
  /** Where the text stood that was read and not sent. */
  #spans: Span[] = [];
  #sentTo = 0;

  /** Adds tokens that make up the text of a place together. */
  add(logprobs: readonly ChosenLogprob[], { from, to }: Span): void {
    for (const logprob of logprobs) this.#tokens.push({ from, to, logprob });
  }

  /** Adds the places of text of the answer that is sent later. */
  read(spans: readonly Span[]): void {
    this.#spans.push(...spans);
  }

  /** Takes the logprobs of the next characters of the answer's text, which are sent now. */
  take(length: number): ChosenLogprob[] {
    const taken: ChosenLogprob[] = [];
    for (let left = length; left > 0;) {
      const [first, ...others] = this.#spans;
      if (!first) break;
      const to = Math.min(first.to, first.from + left);
      this.#spans = to < first.to ? [{ from: to, to: first.to }, ...others] : others;
      left -= to - first.from;
      this.#sentTo = to;
      this.#tokens = this.#tokens.filter((token) => {
        const isPart = token.from < to && token.to > first.from;
        if (isPart) taken.push(token.logprob);
        return !isPart;
      });
    }
    return taken;
  }

  /** Takes all that are left. */
  takeRest(): ChosenLogprob[] {
    const rest = this.#tokens.map(({ logprob }) => logprob);
    this.#tokens = [];
    return rest;
  }

  /** Forgets tokens before the text that was sent: no text follows that they are part of. */
  forget(): void {
    this.#tokens = this.#tokens.filter(({ to }) => to > this.#sentTo);
  }
}
