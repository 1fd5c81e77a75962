import type { CallSyntax, Syntax, ThoughtSyntax } from "../../chat/syntax.ts";
import { CallReader } from "./call_reader.ts";
import { ControlSpans } from "./control_spans.ts";
import { MarkScanner, readUntil } from "./mark_scanner.ts";
import { readMessages } from "./message_reader.ts";
import { type Part, Parts, type Span } from "./parts.ts";
import { type PromptState, promptState } from "./prompt_state.ts";
import type { ReaderOptions } from "./reader_options.ts";
import {
  endsInMark,
  more,
  nextMark,
  type Reading,
  skipSpace,
  Source,
  type Steps,
  takeMark,
} from "./source.ts";
import { type EmitText, TextFlow } from "./text_flow.ts";
import { ThoughtCalls } from "./thought_calls.ts";

export type { Part } from "./parts.ts";
export type { ReaderOptions } from "./reader_options.ts";

/** What a call that is the whole answer begins with. */
const BARE_OPENS: readonly string[] = ["{", "[", "```"];
/** How such a call is written, whatever the model's marks are. */
const BARE: CallSyntax = {
  ...{ opens: [], closes: [], before: "" },
  form: { kind: "json", names: ["name"], arguments: ["arguments"] },
};

/**
 * Reads what a model writes as text, thoughts and calls. The result is the same however the text is
 * cut. Only what may still become a mark is held back.
 *
 * - A mark in a code fence of the text or in a thought is text, and so is one that no call follows.
 *   A call of a function that was not offered is left out, with its marks. JSON strings and values of arguments may contain any mark but the one
 *   that ends them.
 * - A call in a thought counts if nothing follows it: some models end their answer without closing
 *   the thought. What is only mentioned is followed by more of the thought.
 * - A control token that is no mark where it stands is left out of the text.
 * - Where a thought was closed for the model, its own end mark may come later: the first one is left
 *   out of the text.
 */
export class AnswerReader {
  readonly #syntax: Syntax;
  readonly #options: ReaderOptions;
  readonly #source = new Source();
  readonly #parts = new Parts();
  readonly #reading: Reading;
  /** What begins calls in text and thoughts. */
  readonly #callOpens: readonly string[];
  /** What begins calls in text alone: a brace, where the model writes calls without a mark. */
  readonly #bareOpens: readonly string[];
  readonly #controls = new ControlSpans();
  readonly #prompt: PromptState;
  readonly #thoughtMarks: ThoughtSyntax;
  #arrived = 0;
  #isCut = false;
  #isOver = false;
  #state: "reasoning" | "text" | "call" = "text";
  #callStart: number | undefined;
  #spans: readonly Span[] = [];
  /** Whether a thought was closed for the model, whose own end mark did not come yet. */
  #mayCloseLate: boolean;

  constructor(syntax: Syntax, options: ReaderOptions) {
    this.#syntax = syntax;
    this.#options = options;
    const { calls, thought = { opens: [], closes: [] } } = syntax;
    this.#thoughtMarks = thought;
    this.#prompt = promptState(options.promptEnd, syntax);
    this.#mayCloseLate = this.#prompt.isClosed;
    this.#callOpens = calls && options.tools.size > 0 ? [...calls.opens, calls.before] : [];
    const isBare = this.#callOpens.length > 0 && this.#callOpens.every((mark) => mark === "");
    this.#bareOpens = isBare ? ["{"] : [];
    const context = { source: this.#source, parts: this.#parts, options, syntax };
    this.#reading = syntax.messages
      ? readMessages({
        ...context,
        messages: syntax.messages,
        controls: this.#controls,
        enter: (state, callStart) => {
          this.#state = state;
          this.#callStart = callStart;
        },
        isCut: () => this.#isCut,
      })
      : this.#answer();
    if (this.#reading.next().done) this.#isOver = true;
  }

  /** What the reader is in. */
  get state(): "reasoning" | "text" | "call" {
    return this.#state;
  }

  /** How many characters it was given, without those of control tokens that are no marks. */
  get length(): number {
    return this.#arrived;
  }

  /**
   * How many characters came before the call that is being written: from its first mark on if that
   * cannot be meant otherwise, or once it names a function. Undefined outside of calls.
   */
  get callStart(): number | undefined {
    return this.#callStart;
  }

  /** Where the text of the last parts stood in what it was given, in characters. */
  get spans(): readonly Span[] {
    return this.#spans;
  }

  /** Whether the answer is complete: no call can follow. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Tells that the thought is closed for the model, which may not have come to its end. */
  closeThought(): void {
    this.#mayCloseLate = true;
  }

  /** Number of characters looked at, so that a test can check that work is linear. */
  get steps(): Steps {
    return this.#source.steps;
  }

  /**
   * Adds text of whole characters.
   *
   * @param isControl Whether it is the text of a control token, which no client sees.
   */
  push(piece: string, isControl = false): Part[] {
    this.#spans = [];
    if (this.#isOver || piece === "") return [];
    if (isControl) {
      if (!this.#syntax.marks.some((mark) => mark.includes(piece))) return [];
      this.#controls.add(this.#arrived, this.#arrived + piece.length);
    }
    this.#arrived += piece.length;
    this.#source.push(piece);
    return this.#go();
  }

  /**
   * Ends the answer.
   *
   * @param isCut Whether it was cut off: what may be half a mark is then left out.
   */
  end(isCut: boolean): Part[] {
    this.#spans = [];
    if (this.#isOver) return [];
    this.#isCut = isCut;
    this.#source.end();
    const parts = this.#go();
    this.#isOver = true;
    return parts;
  }

  #go(): Part[] {
    if (this.#reading.next().done) this.#isOver = true;
    this.#spans = this.#parts.takeSpans();
    return this.#parts.takeAll();
  }

  *#answer(): Reading {
    const { thought, inContent } = this.#prompt;
    let isWrapped = inContent;
    let isFirst = true;
    if (thought) {
      isWrapped = yield* this.#thought(thought);
      isFirst = false;
    }
    while (yield* this.#text(isWrapped, isFirst)) {
      isWrapped = yield* this.#thought({ text: "", isContinued: false });
      isFirst = false;
    }
  }

  /**
   * Reads text; true if a thought begins.
   *
   * @param inContent whether the mark before the text was read
   * @param isFirst whether no thought came before
   */
  *#text(inContent: boolean, isFirst: boolean): Reading<boolean> {
    const { content, ends } = this.#syntax;
    const { splitsThoughts, tools } = this.#options;
    const { opens, closes } = this.#thoughtMarks;
    this.#state = "text";
    const flow = new TextFlow(
      (text, at) => this.#parts.text("text", text, at),
      !isFirst && splitsThoughts,
    );
    const wraps = content ? [content.open, content.close] : [];
    const callOpens = [...this.#callOpens, ...this.#bareOpens];
    const marks = [...opens, ...closes, ...wraps, ...ends, ...callOpens];
    const isContinued = isFirst && (this.#options.continuesText ?? this.#prompt.continuesText);
    const { isHeld = false } = this.#options;
    if (tools.size > 0 && !isContinued && (yield* this.#bareCalls(flow, marks))) return false;
    const scanner = new MarkScanner(marks);
    let isWrapped = inContent;
    for (;;) {
      const mark = yield* readUntil(
        this.#source,
        scanner,
        (text, offset) => this.#controls.split(text, offset, (part, at) => flow.push(part, at)),
      );
      const at = this.#source.offset - (mark?.length ?? 0);
      if (mark === undefined) {
        const held = this.#source.takeAll();
        if (!this.#isCut) flow.push(held, at);
        else if (held !== "" || this.#options.isForced) flow.drop();
        flow.flush();
        return false;
      }
      const isControl = this.#controls.has(at);
      const isEnd = ends.includes(mark) || mark === content?.close;
      const mayBegin = isControl || !flow.hasText && !isContinued;
      if (isHeld && (flow.hasText || isContinued)) {
        if (!isControl) flow.push(mark, at);
      } else if (flow.inFence && !(isEnd && isControl)) flow.push(mark, at);
      else if (callOpens.includes(mark)) {
        if (yield* this.#calls(mark, this.#syntax.calls!, flow)) return false;
      } else if (opens.includes(mark) && mayBegin) {
        if (!splitsThoughts) flow.push(mark, at);
        else flow.drop();
        flow.flush();
        return true;
      } else if (mark === content?.open && mayBegin) {
        flow.dropAround();
        isWrapped = true;
      } else if (mark === content?.close && (isWrapped || isControl)) {
        flow.dropAround();
        isWrapped = false;
      } else if (ends.includes(mark)) {
        flow.drop();
        return false;
      } else if (closes.includes(mark) && mayBegin && !flow.hasText && splitsThoughts) {
        flow.dropAround();
      } else if (closes.includes(mark) && this.#mayCloseLate && splitsThoughts) {
        this.#mayCloseLate = false;
      } else if (!isControl) flow.push(mark, at);
    }
  }

  /**
   * Reads a thought up to its end; true if the mark before the answering text was read.
   *
   * @param begun what the prompt has of it
   */
  *#thought(begun: { readonly text: string; readonly isContinued: boolean }): Reading<boolean> {
    const { content, calls } = this.#syntax;
    const { splitsThoughts } = this.#options;
    const { opens, closes } = this.#thoughtMarks;
    this.#state = "reasoning";
    const kind = splitsThoughts ? "reasoning" : "text";
    // Where thoughts are text, the mark in the prompt is a part of it.
    let before = splitsThoughts ? "" : begun.text;
    const flow = new TextFlow((text, at) => {
      this.#parts.text(kind, before, -before.length);
      this.#parts.text(kind, text, at);
      before = "";
    }, splitsThoughts && !begun.isContinued);
    if (!begun.isContinued) {
      if (splitsThoughts) {
        yield* skipSpace(this.#source);
        yield* takeMark(this.#source, opens);
        yield* skipSpace(this.#source);
      }
      const wraps = content ? [content.open] : [];
      if (yield* takeMark(this.#source, wraps)) return true;
      if (this.#isCut && endsInMark(this.#source, wraps)) return false;
    }
    const found = calls && this.#callOpens.length > 0
      ? new ThoughtCalls(calls, this.#callOptions(), (text, at) => flow.push(text, at))
      : undefined;
    const push: EmitText = (text, at) => found ? found.push(text, at) : flow.push(text, at);
    const scanner = new MarkScanner([...closes, ...this.#callOpens]);
    for (;;) {
      const mark = yield* readUntil(this.#source, scanner, push);
      if (mark === undefined) break;
      const at = this.#source.offset - mark.length;
      if (closes.includes(mark)) {
        found?.drop();
        if (!splitsThoughts) flow.push(mark, at);
        else flow.drop();
        flow.flush();
        return false;
      }
      found?.open(mark, at);
    }
    const at = this.#source.offset;
    const held = this.#source.takeAll();
    if (!this.#isCut) push(held, at);
    const parts = found?.end(this.#isCut) ?? [];
    if (parts.length > 0) {
      this.#state = "call";
      this.#callStart = found?.start;
    }
    // As before an end mark, which may have been cut off.
    if (splitsThoughts) flow.drop();
    flow.flush();
    this.#parts.add(parts);
    return false;
  }

  /** Reads calls that are the whole answer; false if it is none. */
  *#bareCalls(flow: TextFlow, marks: readonly string[]): Reading<boolean> {
    let space = "";
    const at = this.#source.offset;
    while (yield* more(this.#source)) {
      if (!/\s/.test(this.#source.char)) break;
      space += this.#source.take();
    }
    flow.push(space, at);
    const { calls } = this.#syntax;
    const mark = yield* nextMark(this.#source, [...BARE_OPENS, ...marks]);
    if (mark === undefined || marks.includes(mark)) return false;
    if (endsInMark(this.#source, marks)) return false;
    const form = calls?.form.kind === "json" ? calls.form : BARE.form;
    return yield* this.#calls("", { ...BARE, form }, flow);
  }

  /** Reads calls after a mark; false if text follows: there are none, or none that counts. */
  *#calls(mark: string, syntax: CallSyntax, flow: TextFlow): Reading<boolean> {
    const start = this.#source.offset - mark.length;
    const reader = new CallReader(syntax, {
      ...this.#callOptions(),
      sink: {
        begin: (name) => {
          flow.drop();
          this.#state = "call";
          this.#parts.begin(name);
        },
        arguments: (text) => this.#parts.arguments(text),
      },
    });
    let read = "";
    let isHalf = false;
    let isEnd = false;
    const isSure = this.#controls.has(start) || isTag(mark) && flow.atLineStart;
    const push = (text: string) => {
      if (!reader.hasCalls) read += text;
      reader.push(text);
      const isCall = isSure || reader.state === "call";
      this.#callStart = isCall && reader.start !== undefined ? start + reader.start : undefined;
    };
    if (mark !== "") push(mark);
    while (reader.state !== "failed" && reader.state !== "over") {
      if (yield* more(this.#source)) push(this.#source.takeAll());
      else {
        isEnd = true;
        isHalf = reader.state === "undecided";
        reader.end();
        break;
      }
    }
    if (reader.hasCalls) return true;
    this.#callStart = undefined;
    // Half a call is no text. Where models write calls in marks, half of one without may be other JSON.
    const isCall = mark !== "" || this.#options.isForced || this.#bareOpens.length > 0;
    if (isHalf && this.#isCut && isCall) {
      flow.drop();
      return false;
    }
    if (reader.state !== "failed") {
      // After calls that were left out, text goes on. At a cut there is but half a mark.
      if (!isEnd || !this.#isCut) this.#source.unread(read.slice(reader.length));
      return false;
    }
    const rest = reader.takeRest();
    this.#source.unread(rest);
    const text = read.slice(0, read.length - rest.length);
    this.#controls.split(text, start, (part, at) => flow.push(part, at));
    return false;
  }

  #callOptions() {
    return {
      offered: this.#options.tools,
      isSingle: this.#options.isSingle,
      steps: this.#source.steps,
    };
  }
}

/** Whether a mark is more than words that people write, too. */
function isTag(mark: string): boolean {
  return /^<[^\s<>]+>$|^\[[A-Z_]+\]$|[|｜]/.test(mark.trim());
}
