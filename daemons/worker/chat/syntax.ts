/**
 * How a model writes thoughts and calls, as plain data. Marks are compared without the white space
 * around them, since models are free with it.
 */
export interface Syntax {
  readonly thought?: ThoughtSyntax;
  /** Marks around the text that answers, for models that wrap it. */
  readonly content?: { readonly open: string; readonly close: string };
  /** An answer of several messages, each with a header; it replaces `thought` and `content`. */
  readonly messages?: MessageSyntax;
  readonly calls?: CallSyntax;
  /** Texts that end the answer and are not single control tokens. */
  readonly ends: readonly string[];
  /** All texts above that are marks. */
  readonly marks: readonly string[];
}

/** Marks of thoughts. The prompt may end with an opening one; then the answer begins inside. */
export interface ThoughtSyntax {
  readonly opens: readonly string[];
  readonly closes: readonly string[];
  /** Whether neither template nor vocabulary tell that the model thinks: then it may not know the marks. */
  readonly isGuess?: true;
}

/**
 * Messages in one answer: a header, {@linkcode body}, the text, one of {@linkcode ends}. A header may
 * name a channel and a recipient: `<|channel|>analysis to=functions.f`.
 */
export interface MessageSyntax {
  /** Begins another message. */
  readonly start: string;
  /** Ends a header. */
  readonly body: string;
  /** The first is what a model writes after a thought. */
  readonly ends: readonly string[];
  /** Stands before the name of a channel; the header's last word names it if this is empty. */
  readonly channel: string;
  /** Stands before the name of a recipient. */
  readonly recipient: string;
  /** Channels and recipients of thoughts. */
  readonly thoughts: readonly string[];
  /** Channels and recipients of text. */
  readonly texts: readonly string[];
  readonly headers: MessageHeaders;
}

/** How a model itself writes headers: role, one of these, {@linkcode MessageSyntax.body}. */
export interface MessageHeaders {
  readonly role: string;
  /** Undefined: it writes no thoughts. */
  readonly thought?: string;
  readonly text: string;
  /** Before and after the name of a function. */
  readonly call: readonly [before: string, after: string];
}

/** Where calls stand, and how each is written. */
export interface CallSyntax {
  /** Marks before the first call or before each, in their order; any of them begins calls. */
  readonly opens: readonly string[];
  /** Marks after each call or after the last. */
  readonly closes: readonly string[];
  /** Stands right before a name, or nothing where a call is a JSON object. */
  readonly before: string;
  /**
   * All text before the first call's name or object, as the template writes it. Undefined: not known
   * to the letter; the marks stand for it.
   */
  readonly lead?: string;
  readonly form: CallForm;
}

/** How one call is written. */
export type CallForm = JsonForm | NamedForm | TaggedForm | LiteralForm;

/** `{"name": "f", "arguments": {…}}`, alone, in an array or joined by `;`. */
export interface JsonForm {
  readonly kind: "json";
  /** Fields of the name; the name itself is the field of its arguments if empty. */
  readonly names: readonly string[];
  readonly arguments: readonly string[];
  /** All fields in their order, where the template writes others, too. */
  readonly fields?: readonly string[];
}

/** A name, a mark, the arguments as JSON: `f[ARGS]{…}`, `functions.f:0<|args|>{…}`. */
export interface NamedForm {
  readonly kind: "named";
  /** What stands between name and arguments, if only an id may come before it. */
  readonly end: string;
  /** Begins an id after the name. */
  readonly id?: string;
  /** Ends an id before the name. */
  readonly nameMark?: string;
}

/** Each argument between marks: `<parameter=a>v</parameter>`. */
export interface TaggedForm {
  readonly kind: "tagged";
  /** Ends the name; empty if the next mark or a line's end does. */
  readonly nameEnd: string;
  readonly key: string;
  /** Marks between a key and its value, in their order. */
  readonly keyEnds: readonly string[];
  /** Text between two of {@linkcode keyEnds} that says that a value is a string. */
  readonly stringHint?: string;
  /** Ends a value; with {@linkcode keyInClose} followed by the key and that text. */
  readonly close: string;
  readonly keyInClose?: string;
  /** Whether a line's end belongs to the marks on both sides of a value. */
  readonly lines: boolean;
}

/** `f(a=1, b="x")` or `f{a:1,b:<|"|>x<|"|>}`. */
export interface LiteralForm {
  readonly kind: "literal";
  readonly open: string;
  /** Between a key and its value. */
  readonly separator: string;
  /** Stands around strings, which then have no escapes; empty for quotes as in Python. */
  readonly quote: string;
}

/** A syntax with its marks collected. */
export function withMarks(syntax: Omit<Syntax, "marks">): Syntax {
  const { thought, content, messages, calls, ends } = syntax;
  const form = calls?.form;
  const marks = [
    ...(thought?.opens ?? []),
    ...(thought?.closes ?? []),
    ...(content ? [content.open, content.close] : []),
    ...(messages ? [messages.start, messages.body, messages.channel, ...messages.ends] : []),
    ...(calls ? [...calls.opens, ...calls.closes, calls.before] : []),
    ...(form?.kind === "named" ? [form.end, form.id ?? "", form.nameMark ?? ""] : []),
    ...(form?.kind === "tagged" ? [form.key, ...form.keyEnds, form.close] : []),
    ...(form?.kind === "literal" ? [form.quote] : []),
    ...ends,
  ];
  return {
    ...syntax,
    marks: [...new Set(marks.filter((mark) => isDistinct(mark)))],
  };
}

/** Whether a mark is more than words and the punctuation of JSON: `[ARGS]` is, `{"name": ` is not. */
function isDistinct(mark: string): boolean {
  return /[^\s\w"'=>:[\]{}(]/.test(mark) || /^\[\/?[A-Z_]+\]$/.test(mark.trim());
}
