import assert from "node:assert/strict";
import type { Capability } from "#shared/contracts/pool.ts";
import { delay } from "#shared/lifecycle.ts";
import { LlorchError } from "#shared/errors.ts";
import type {
  Chat,
  Engine,
  EngineSequence,
  Gap,
  Generation,
  KeptState,
  Odds,
  Sampling,
  StateMark,
  TokenizeOptions,
} from "../engine/engine.ts";
import { defined } from "#shared/json.ts";
import { commonLength } from "../engine/common_length.ts";
import type { ChatPrompt } from "../chat/chat_template.ts";
import type { TokensSeen } from "../chat/tokenizer.ts";
import { USUAL_CALLS } from "../chat/known_syntaxes.ts";
import { type Syntax, withMarks } from "../chat/syntax.ts";

/** Options of a {@linkcode FakeEngine}. */
export interface FakeEngineOptions {
  readonly slots?: number;
  readonly context?: number;
  /** By default all but `rerank`. */
  readonly capabilities?: readonly Capability[];
  /** Duration of one step, in milliseconds. */
  readonly stepMs?: number;
  /** Ends when a step may end; by default after `stepMs`. */
  readonly step?: () => Promise<void>;
  /** The token after these; by default the number of tokens so far, modulo 256. */
  readonly next?: (tokens: readonly number[]) => number;
  /** Bytes of a token; by default the token's own value as one byte. */
  readonly bytes?: (token: number) => readonly number[];
}

/** The token that ends a fake generation. */
export const FAKE_END = 256;

/** How a fake engine writes thoughts and calls. */
export const FAKE_SYNTAX: Syntax = withMarks({
  thought: { opens: ["<think>"], closes: ["</think>"] },
  calls: USUAL_CALLS,
  ends: [],
});

/** An engine for tests: tokens are bytes, 256 is the end, and every step is recorded. */
export class FakeEngine implements Engine {
  readonly backend = "cpu";
  readonly threads = 1;
  readonly context: number;
  readonly vocabularySize = 257;
  readonly sequences: readonly FakeSequence[];
  /** All steps in order: `[sequence, number of tokens]`. */
  readonly steps: [number, number][] = [];
  /** All copies that were made, in order. */
  readonly copies: FakeKeptState[] = [];
  /** The sequences that a copy was put into, in order. */
  readonly puts: number[] = [];
  disposed = false;
  readonly options: FakeEngineOptions;

  constructor(options: FakeEngineOptions = {}) {
    this.options = options;
    this.context = options.context ?? 1000;
    this.capabilities = options.capabilities ?? ["generate", "tokenize", "embed"];
    this.sequences = Array.from(
      { length: options.slots ?? 1 },
      (_, index) => new FakeSequence(this, index),
    );
  }

  /** Tokenizes in pieces, as a real engine does. */
  async tokenize(text: string, { seen }: TokenizeOptions = {}): Promise<number[]> {
    const tokens: number[] = [];
    for (let at = 0; at < text.length || at === 0; at += PIECE) {
      if (at > 0) {
        seen?.(tokens.length);
        await delay(0);
      }
      tokens.push(...bytesOf(text.slice(at, at + PIECE)));
      this.read = Math.max(this.read, tokens.length);
    }
    return tokens;
  }

  /** The suffix, then the prefix. */
  tokenizeGap({ prefix, suffix }: Gap, seen?: TokensSeen): Promise<number[]> {
    return this.tokenize(suffix + prefix, defined({ seen }));
  }

  /** Most tokens that any text was tokenized to. */
  read = 0;

  async tokenizeChat({ messages }: Chat, seen?: TokensSeen): Promise<ChatPrompt> {
    const text = messages.map((message) => message.content).join("|");
    const tokens = await this.tokenize(text, defined({ seen }));
    return { tokens, text, answerStart: "", syntax: FAKE_SYNTAX };
  }

  tokenizeMarks(text: string): Promise<number[]> {
    return Promise.resolve(bytesOf(text));
  }

  controlText(): undefined {}

  detokenize(tokens: readonly number[]): string {
    const bytes = this.options.bytes ?? ((token) => [token]);
    return new TextDecoder().decode(new Uint8Array(tokens.flatMap((token) => [...bytes(token)])));
  }

  partBytes(token: number): readonly number[] {
    return this.options.bytes?.(token) ?? [token];
  }

  endsGeneration(token: number): boolean {
    return token === FAKE_END;
  }

  /** All samplings in the order of their requests. */
  readonly samplings: { disposals: number }[] = [];

  createSampling(): Promise<Sampling> {
    const record = { disposals: 0 };
    this.samplings.push(record);
    return Promise.resolve({
      ...{ see() {}, replay() {}, forbid() {} },
      dispose: () => record.disposals++,
    });
  }

  readonly capabilities: readonly Capability[];
  readonly template = { chat_template: "{{ messages }}", bos_token: "", eos_token: "" };

  /** A vector with the share of each byte value. */
  async embed(input: string | readonly number[]) {
    await delay(this.options.stepMs ?? 0);
    const tokens = typeof input === "string" ? bytesOf(input) : input;
    const vector = new Float32Array(4);
    vector[tokens.length % 4] = 1;
    return { vector, tokens: tokens.length };
  }

  async rank(query: string, document: string) {
    await delay(this.options.stepMs ?? 0);
    return {
      score: document.includes(query) ? 0.9 : 0.1,
      tokens: query.length + document.length,
    };
  }

  memoryBytes(): number {
    return 1;
  }

  stop(): void {}

  dispose(): Promise<void> {
    this.disposed = true;
    return Promise.resolve();
  }
}

/** A copy of a {@linkcode FakeSequence}; a token takes a byte. */
export class FakeKeptState implements KeptState {
  readonly tokens: readonly number[];
  isForgotten = false;

  constructor(tokens: readonly number[]) {
    this.tokens = tokens;
  }

  get length(): number {
    return this.tokens.length;
  }

  get bytes(): number {
    return this.tokens.length;
  }

  sharedPrefix(tokens: readonly number[]): number {
    return Math.min(commonLength(this.tokens, tokens), tokens.length - 1);
  }

  includes(other: KeptState): boolean {
    return other instanceof FakeKeptState &&
      commonLength(this.tokens, other.tokens) === other.length;
  }

  forget(): void {
    assert.ok(!this.isForgotten, "It is forgotten once");
    this.isForgotten = true;
  }
}

/** One sequence of a {@linkcode FakeEngine}. */
export class FakeSequence implements EngineSequence {
  readonly #engine: FakeEngine;
  readonly #index: number;
  tokens: number[] = [];

  constructor(engine: FakeEngine, index: number) {
    this.#engine = engine;
    this.#index = index;
  }

  sharedPrefix(tokens: readonly number[]): number {
    const different = this.tokens.findIndex((token, index) => token !== tokens[index]);
    return Math.min(different < 0 ? this.tokens.length : different, tokens.length - 1);
  }

  get length(): number {
    return this.tokens.length;
  }

  sharedByCopy(tokens: readonly number[]): number {
    return this.sharedPrefix(tokens);
  }

  async keep(hasRoom: (bytes: number) => boolean): Promise<KeptState | undefined> {
    await Promise.resolve();
    if (this.length === 0 || !hasRoom(this.length)) return undefined;
    const kept = new FakeKeptState([...this.tokens]);
    this.#engine.copies.push(kept);
    return kept;
  }

  async put(state: KeptState): Promise<void> {
    await Promise.resolve();
    assert.ok(state instanceof FakeKeptState && !state.isForgotten);
    this.tokens = [...state.tokens];
    this.#engine.puts.push(this.#index);
  }

  prepare(): undefined {}

  trim(length: number): number {
    return this.tokens.length = Math.min(this.tokens.length, length);
  }

  async prefill(tokens: readonly number[]): Promise<void> {
    const { steps, options } = this.#engine;
    steps.push([this.#index, tokens.length]);
    await (options.step?.() ?? delay(options.stepMs ?? 0));
    this.tokens.push(...tokens);
  }

  /** Each token has the logprob -n, n being how many there were before it. */
  async score(
    tokens: readonly number[],
    next: readonly number[],
    count: number,
  ): Promise<readonly Odds[]> {
    const before = this.tokens.length;
    await this.prefill(tokens);
    return next.map((token, index) => ({
      logprob: -(before + index + 1),
      top: [{ token, logprob: -1 }].slice(0, count),
    }));
  }

  generate(tokens: readonly number[], _sampling: Sampling): Generation {
    let input = tokens;
    return {
      next: async (wantsMore = () => true) => {
        await this.prefill(input);
        const next = this.#engine.options.next ?? ((all) => all.length % 256);
        const token = next(this.tokens);
        input = [token];
        wantsMore({ token });
        return [{ token }];
      },
      close() {},
    };
  }

  async save(path: string, mark: StateMark): Promise<number> {
    if (this.tokens.length > 0) {
      await Deno.writeTextFile(path, JSON.stringify([[...mark], this.tokens]));
    }
    return this.tokens.length;
  }

  async restore(path: string, mark: StateMark): Promise<number> {
    const [found, tokens] = JSON.parse(await Deno.readTextFile(path));
    if (`${found}` !== `${[...mark]}`) throw new LlorchError("CONFLICT", "It has another mark");
    this.tokens = tokens;
    return this.tokens.length;
  }
}

/** Characters per piece of a text. */
const PIECE = 8_192;

function bytesOf(text: string): number[] {
  return [...new TextEncoder().encode(text)];
}
