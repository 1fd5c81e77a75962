import type { Message } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { errorMessage, invalidRequest, LlorchError } from "#shared/errors.ts";
import type { CallSyntax } from "./call_syntax.ts";
import { type Effort, effortKwargs } from "./effort.ts";
import type { Limits } from "./jinja/budget.ts";
import { TemplateError } from "./jinja/errors.ts";
import { fromJs, toPlainJson } from "./jinja/json.ts";
import { strftime } from "./jinja/strftime.ts";
import { Template } from "./jinja/template.ts";
import { type RenderOptions, TOOL_NAMES, type ToolName, type Turn } from "./render.ts";
import { findSkills, type Skills } from "./skills.ts";
import { type ChatMessage, textOf, turnsOf } from "./turns.ts";

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

/** Options of {@linkcode ChatTemplate}. */
export interface ChatTemplateOptions {
  /** The template for requests that offer tools; default: the same as for others. */
  readonly toolUse?: string | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** Clock of the dates that templates write. */
  readonly now?: (() => Date) | undefined;
}

/** The template of models that have none. */
export const CHATML = "{% for message in messages %}" +
  "{{ '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}" +
  "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/** Inputs of ours, which `chat_template_kwargs` cannot replace. */
const RESERVED: ReadonlySet<string> = new Set([
  ...TOOL_NAMES,
  "messages",
  "add_generation_prompt",
  "bos_token",
  "eos_token",
  "chat_template",
  "strftime_now",
  "raise_exception",
  "datetime",
]);

/** Names that a request's `chat_template_kwargs` may not have. */
export function reservedKwargs(kwargs: Readonly<Record<string, unknown>>): string[] {
  return Object.keys(kwargs).filter((name) => RESERVED.has(name));
}

/** Most steps of each small chat that finds out how a template wants its turns. */
const PROBE_STEPS = 200_000;

/** One of a model's templates, and how it wants its turns. */
interface Variant {
  readonly template: Template;
  readonly skills: Skills;
}

/**
 * Converts a chat to tokens with the model's own Jinja template. The template's markup becomes
 * control tokens; the text of messages never does, whatever it contains.
 */
export class ChatTemplate {
  /** Why a plain chat cannot be rendered; undefined if it can. */
  readonly warning: string | undefined;
  readonly #tokenizer: ChatTokenizer;
  readonly #now: () => Date;
  readonly #plain: Variant;
  readonly #toolUse: Variant;
  readonly #efforts = new Map<Effort, Readonly<Record<string, unknown>>>();

  /** @throws {TemplateError} if a template cannot be parsed */
  constructor(source: string, tokenizer: ChatTokenizer, options: ChatTemplateOptions = {}) {
    const { toolUse, limits = {}, now = () => new Date() } = options;
    this.#tokenizer = tokenizer;
    this.#now = now;
    const variant = (source: string): Variant => {
      const template = new Template(source, { limits, now });
      const probe = new Template(source, { limits: { ...limits, steps: PROBE_STEPS }, now });
      const skills = findSkills((...args) => this.#render(probe, ...args));
      return { template, skills };
    };
    this.#plain = variant(source);
    this.#toolUse = toolUse === undefined ? this.#plain : variant(toolUse);
    this.warning = this.#problem();
  }

  /** How the model writes tool calls. */
  get callSyntax(): CallSyntax {
    return this.#toolUse.skills.syntax;
  }

  /**
   * Renders turns in the form that this template wants. Tools are left out where it describes none:
   * the turns say what they are.
   * @throws {TemplateError} what the template raises, and when a limit is reached
   */
  render(
    turns: readonly Turn[],
    tools: readonly unknown[] = [],
    options: RenderOptions = {},
  ): string {
    const { template, skills } = this.#variant(tools);
    const { toolsAs = skills.toolsAs } = options;
    const offered = toolsAs === undefined ? [] : tools;
    return this.#render(template, turns, offered, { ...options, toolsAs });
  }

  /** The variables that make this template think more or less. */
  effort(effort: Effort): Readonly<Record<string, unknown>> {
    const known = this.#efforts.get(effort);
    if (known) return known;
    const kwargs = effortKwargs((...args) => this.render(...args), effort);
    this.#efforts.set(effort, kwargs);
    return kwargs;
  }

  /** The messages as turns in the form that this template wants. */
  turns(messages: readonly ChatMessage[], tools: readonly Tool[] = []): Turn[] {
    return turnsOf(messages, tools, this.#variant(tools).skills);
  }

  /**
   * @param options By default a last turn of the assistant is continued.
   * @throws {LlorchError} `INVALID_REQUEST` if the template refuses the messages
   */
  async tokenize(
    messages: readonly Message[],
    tools: readonly Tool[] = [],
    seen?: TokensSeen,
    options: RenderOptions = {},
  ): Promise<number[]> {
    const { skills } = this.#variant(tools);
    const turns = this.turns(messages, tools);
    const last = turns.at(-1);
    const { continueFinal = last?.role === "assistant" && last.tool_calls === undefined } = options;
    const given = { ...options, continueFinal };
    const offered = skills.toolsAs === undefined ? [] : tools;
    const text = this.#renderOrRefuse(turns, offered, given);
    // The template itself writes tools, calls and thoughts, so their text cannot be separated from
    // its markup.
    const calls = turns.flatMap((turn) => turn.tool_calls ?? []);
    const isDisguised = (text: string) => this.#hasControlTokens(text, seen);
    if (offered.length > 0 && await isDisguised(toPlainJson(offered))) refuse("tools");
    if (calls.length > 0 && await isDisguised(toPlainJson(calls))) refuse("messages");
    for (const turn of turns) {
      if (await isDisguised(turn.thinking ?? "")) refuse("messages");
      if (await isDisguised(textOf(turn))) {
        return await this.#tokenizeApart(turns, offered, text, given);
      }
    }
    return await this.#tokenizer.tokenize(text, true, seen);
  }

  #variant(tools: readonly unknown[]): Variant {
    return tools.length > 0 ? this.#toolUse : this.#plain;
  }

  /** Why "Hello" cannot be rendered. */
  #problem(): string | undefined {
    try {
      const hello: Turn[] = this.turns([{ role: "user", content: "Hello" }]);
      return this.render(hello).includes("Hello")
        ? undefined
        : "The model's chat template leaves out what the user says";
    } catch (error) {
      return `The model's chat template fails on a plain chat: ${errorMessage(error)}`;
    }
  }

  #render(
    template: Template,
    turns: readonly Turn[],
    tools: readonly unknown[],
    options: RenderOptions = {},
  ): string {
    const { kwargs = {}, continueFinal = false, addGenerationPrompt = !continueFinal } = options;
    const last = turns.at(-1);
    const end = continueFinal && last ? `\ue000${crypto.randomUUID()}\ue001` : undefined;
    const variables = {
      date_string: strftime(this.#now(), "%d %b %Y"),
      ...Object.fromEntries(Object.entries(kwargs).filter(([name]) => !RESERVED.has(name))),
      ...this.#tools(tools, options.toolsAs),
      messages: end === undefined ? turns : turns.with(-1, marked(last!, end)),
      add_generation_prompt: addGenerationPrompt,
      bos_token: this.#tokenizer.bosText,
      eos_token: this.#tokenizer.eosText,
      datetime: strftime(this.#now(), "%b %d %Y %H:%M:%S"),
    };
    const text = template.render(
      Object.entries(variables).map(([name, value]) => [name, fromJs(value)] as const),
    );
    if (end === undefined) return text;
    const at = text.lastIndexOf(end);
    if (at === -1) throw new TemplateError("the template cannot continue a turn of the assistant");
    return text.slice(0, at);
  }

  /** The tools as the template's variables. One template takes them as JSON text, even if there are none. */
  #tools(tools: readonly unknown[], name: ToolName = "tools"): Record<string, unknown> {
    const functions = toPlainJson(tools);
    if (name === "functions" || tools.length === 0) return { functions };
    return { functions, [name]: tools };
  }

  #renderOrRefuse(
    turns: readonly Turn[],
    tools: readonly Tool[],
    options: RenderOptions,
  ): string {
    try {
      return this.render(turns, tools, options);
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
    options: RenderOptions,
  ): Promise<number[]> {
    // Random in each request, so that nobody can write such a placeholder on purpose.
    const mark = crypto.randomUUID();
    const marked = this.#renderOrRefuse(
      turns.map((turn, index) => ({
        ...turn,
        // A template may leave out empty messages.
        content: withText(turn, `\ue000${mark}:${index}\ue001`),
      })),
      tools,
      options,
    );
    const parts = marked.split(new RegExp(`\ue000${mark}:(\\d+)\ue001`));
    const pieces = parts.map((part, index) =>
      index % 2 === 0
        ? { text: part, markup: true }
        : { text: textOf(turns[Number(part)]!), markup: false }
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

/** The content of a turn with another text; an empty one stays empty. */
function withText(turn: Turn, text: string): Turn["content"] {
  if (typeof turn.content === "string") return turn.content === "" ? "" : text;
  const thoughts = turn.content.filter((part) => part.type === "thinking");
  return textOf(turn) === "" ? thoughts : [...thoughts, { type: "text", text }];
}

/** The turn, a mark at the end of its text. */
function marked(turn: Turn, mark: string): Turn {
  if (typeof turn.content === "string") return { ...turn, content: turn.content + mark };
  const thoughts = turn.content.filter((part) => part.type === "thinking");
  return { ...turn, content: [...thoughts, { type: "text", text: textOf(turn) + mark }] };
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
