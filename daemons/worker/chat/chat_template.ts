import { isReserved } from "#shared/contracts/chat_fields.ts";
import type { TextMessage } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { errorMessage, type FieldError, invalidRequest } from "#shared/errors.ts";
import { isExactNumber } from "#shared/exact_json.ts";
import { atOnce, inTurns, type Making } from "#shared/in_turns.ts";
import { isRecord } from "#shared/json.ts";
import { TemplateError, TooManySteps } from "#shared/jinja/errors.ts";
import { breakMarks, type MarkFinder, partsAt } from "./broken_marks.ts";
import {
  endsInThought,
  outOfThought,
  thoughtsOf,
  withMarkInText,
  withMarkInThought,
  withTextOf,
  withThought,
} from "./continued_turn.ts";
import { type Effort, effortKwargs } from "./effort.ts";
import { findSyntax } from "./find_syntax.ts";
import { NO_MEDIA, tokenizeAround, withoutMarkers } from "./media_markers.ts";
import type { Limits } from "./jinja/budget.ts";
import { fromJs, toPlainJson } from "./jinja/json.ts";
import { strftime } from "./jinja/strftime.ts";
import { Template } from "./jinja/template.ts";
import { markFinder, marksIn, tokenizeBroken } from "./raw_text.ts";
import { refusedField } from "./refused_field.ts";
import type { Render, RenderOptions, ToolName, Turn } from "./render.ts";
import { findSkills, type Skills } from "./skills.ts";
import type { Syntax } from "./syntax.ts";
import { splitThought } from "./split_thought.ts";
import type { ChatTokenizer, TokensSeen } from "./tokenizer.ts";
import { type ChatMessage, turnsOf } from "./turns.ts";

/** A chat as tokens. */
export interface ChatPrompt {
  readonly tokens: number[];
  readonly text: string;
  /** The end of its text, from the beginning of the answer's turn on; empty if nothing can be open there. */
  readonly answerStart: string;
  /** How the model writes thoughts and calls. */
  readonly syntax: Syntax;
  /** Text of the answer that is in the prompt, where a last turn is continued. */
  readonly begun?: string;
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

/** A plain chat. */
const HELLO: readonly ChatMessage[] = [{ role: "user", content: "Hello" }];

/** Most steps of each small chat that finds out how a template wants its turns. */
const PROBE_STEPS = 200_000;

/** One of a model's templates, and how it wants its turns. */
interface Variant {
  readonly template: Template;
  /** The same for small chats, which take few steps. */
  readonly probe: Template;
  readonly skills: Skills;
  readonly syntax: Syntax;
  /** Texts that its author, thoughts and calls have as marks. */
  readonly marks: readonly string[];
  readonly finder: MarkFinder;
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
      const render = (...args: Parameters<Render>) => atOnce(this.#rendering(probe, ...args));
      const skills = findSkills(render);
      const specials = [...tokenizer.specials.values()];
      const syntax = findSyntax(
        (turns, tools, options) => render(turns, tools, { toolsAs: skills.toolsAs, ...options }),
        specials.map(({ text }) => text),
      );
      const marks = [...syntax.marks, ...marksIn(source, specials)];
      return { template, probe, skills, syntax, marks, finder: markFinder(tokenizer, marks, true) };
    };
    this.#plain = variant(source);
    this.#toolUse = toolUse === undefined ? this.#plain : variant(toolUse);
    this.warning = this.#problem();
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
    return atOnce(this.rendering(turns, tools, options));
  }

  /** The same as {@linkcode render}, which can be interrupted. */
  *rendering(
    turns: readonly Turn[],
    tools: readonly unknown[] = [],
    options: RenderOptions = {},
  ): Making<string> {
    const { template, skills } = this.#variant(tools);
    const { toolsAs = skills.toolsAs } = options;
    const offered = toolsAs === undefined ? [] : tools;
    return yield* this.#rendering(template, turns, offered, { ...options, toolsAs });
  }

  /** Texts that the templates, thoughts and calls have as marks. */
  get marks(): readonly string[] {
    return [...this.#plain.marks, ...this.#toolUse.marks];
  }

  /** The variables that make this template think more or less. */
  effort(effort: Effort): Readonly<Record<string, unknown>> {
    const known = this.#efforts.get(effort);
    if (known) return known;
    const { probe, skills } = this.#plain;
    const kwargs = effortKwargs(
      (turns, tools, options) =>
        atOnce(this.#rendering(probe, turns, tools, { toolsAs: skills.toolsAs, ...options })),
      effort,
    );
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
    messages: readonly TextMessage[],
    tools: readonly Tool[] = [],
    seen?: TokensSeen,
    options: RenderOptions = {},
  ): Promise<ChatPrompt> {
    const { skills, syntax, finder } = this.#variant(tools);
    const own = messages.map((message) => splitThought(message, syntax));
    const turns = this.#turnsOrRefuse(own.map(({ message }) => message), tools);
    const last = turns.at(-1);
    const { continueFinal = last?.role === "assistant" && last.tool_calls === undefined } = options;
    const continuesThought = continueFinal && own.at(-1)?.isOpen === true;
    const given = { ...options, continueFinal, continuesThought };
    const offered = skills.toolsAs === undefined ? [] : tools;
    const written = { turns, offered, kwargs: given.kwargs };
    const { value, cut } = await breakMarks(written, finder) ?? { value: written, cut: undefined };
    const broken = { ...given, kwargs: value.kwargs };
    const text = await this.#renderOrRefuse(value.turns, value.offered, broken);
    // Marks that people wrote are broken in it, too: nothing begins with them.
    const start = await inTurns(
      this.#answerStart(syntax, text, value.turns, value.offered, broken),
    );
    const continuesText = continueFinal && !continuesThought;
    const answerStart = continuesText ? withTextOf(turns.at(-1)!, start, syntax.thought) : start;
    const tokens = await tokenizeAround(
      options.media ?? NO_MEDIA,
      text,
      seen,
      (part, seen) => tokenizeBroken(part, cut, this.#tokenizer, true, seen),
    );
    const begun = continuesText ? own.at(-1)?.message.content : undefined;
    const shown = withoutMarkers(text, options.media ?? NO_MEDIA);
    const whole = cut === undefined ? shown : partsAt(shown, cut).join("");
    return { tokens, text: whole, answerStart, syntax, ...(begun ? { begun } : {}) };
  }

  /** What a prompt has of the answer's turn: what it has more than the turns before alone. */
  *#answerStart(
    { thought, content, messages }: Syntax,
    text: string,
    turns: readonly Turn[],
    tools: readonly Tool[],
    options: RenderOptions,
  ): Making<string> {
    if (!thought && !content && !messages) return "";
    // Some templates begin an answer whether they shall or not, so that the turns before have its mark.
    const opens = options.continuesThought ? thought?.opens ?? [] : [];
    const thoughtAt = Math.max(-1, ...opens.map((open) => text.lastIndexOf(open)));
    const before = options.continueFinal ? turns.slice(0, -1) : turns;
    try {
      const other = yield* this.rendering(before, tools, {
        ...options,
        continueFinal: false,
        addGenerationPrompt: false,
      });
      let shared = 0;
      while (shared < other.length && other[shared] === text[shared]) shared++;
      return text.slice(thoughtAt < 0 ? shared : Math.min(shared, thoughtAt));
    } catch {
      // Some templates render no turns without an answer.
      return text.slice(text.lastIndexOf("\n", text.length - 64) + 1);
    }
  }

  #variant(tools: readonly unknown[]): Variant {
    return tools.length > 0 ? this.#toolUse : this.#plain;
  }

  /** Why "Hello" cannot be rendered. */
  #problem(): string | undefined {
    try {
      const hello = this.turns(HELLO);
      return this.render(hello).includes("Hello")
        ? undefined
        : "The model's chat template leaves out what the user says";
    } catch (error) {
      return `The model's chat template fails on a plain chat: ${errorMessage(error)}`;
    }
  }

  /**
   * @throws {LlorchError} `INVALID_REQUEST` if a value in the messages or tools cannot be written, as
   * one that is nested too deep
   */
  #turnsOrRefuse(messages: readonly ChatMessage[], tools: readonly Tool[]): Turn[] {
    try {
      return this.turns(messages, tools);
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      const field = this.#canDescribe(tools) ? "messages" : "tools";
      const message = `the model's chat template gets no such value: ${error.message}`;
      throw invalidRequest([{ field, message }]);
    }
  }

  #canDescribe(tools: readonly Tool[]): boolean {
    try {
      this.turns(HELLO, tools);
      return true;
    } catch (error) {
      if (error instanceof TemplateError) return false;
      throw error;
    }
  }

  *#rendering(
    template: Template,
    turns: readonly Turn[],
    tools: readonly unknown[],
    options: RenderOptions = {},
  ): Making<string> {
    const { kwargs = {}, continueFinal = false, addGenerationPrompt = !continueFinal } = options;
    const last = turns.at(-1);
    const marked = options.continuesThought ? withMarkInThought : withMarkInText;
    const end = continueFinal && last ? `\ue000${crypto.randomUUID()}\ue001` : undefined;
    const variables = {
      date_string: strftime(this.#now(), "%d %b %Y"),
      ...Object.fromEntries(Object.entries(kwargs).filter(([name]) => !isReserved(name))),
      ...this.#tools(tools, options.toolsAs),
      messages: end === undefined ? turns : turns.with(-1, marked(last!, end)),
      add_generation_prompt: addGenerationPrompt,
      bos_token: this.#tokenizer.bosText,
      eos_token: this.#tokenizer.eosText,
      datetime: strftime(this.#now(), "%b %d %Y %H:%M:%S"),
    };
    const text = yield* template.rendering(
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

  /** Renders a chat that ends within the thought of its last turn, which many templates leave out. */
  *#renderingThought(
    turns: readonly Turn[],
    tools: readonly unknown[],
    options: RenderOptions,
  ): Making<string> {
    const { thought } = this.#variant(tools).syntax;
    const thoughts = thoughtsOf(turns.at(-1)!);
    try {
      const text = yield* this.rendering(turns, tools, options);
      if (!thought || endsInThought(text, thoughts, thought)) return text;
    } catch (error) {
      if (!thought) throw error;
    }
    const prompt = yield* this.rendering(turns.slice(0, -1), tools, {
      ...options,
      continueFinal: false,
      continuesThought: false,
    });
    return withThought(prompt, thoughts, thought);
  }

  /** Renders a chat, of which a last text that is continued stands behind the thoughts. */
  *#renderingText(
    turns: readonly Turn[],
    tools: readonly unknown[],
    options: RenderOptions,
  ): Making<string> {
    const text = yield* this.rendering(turns, tools, options);
    const { thought } = this.#variant(tools).syntax;
    return options.continueFinal && thought ? outOfThought(text, turns.at(-1)!, thought) : text;
  }

  async #renderOrRefuse(
    turns: readonly Turn[],
    tools: readonly unknown[],
    options: RenderOptions,
  ): Promise<string> {
    const render = (tools: readonly unknown[]) =>
      inTurns(
        options.continuesThought
          ? this.#renderingThought(turns, tools, options)
          : this.#renderingText(turns, tools, options),
      );
    try {
      return await render(tools);
    } catch (error) {
      try {
        if (tools.length > 0) return await render(tools.map(completed));
      } catch {
        // The first error says more.
      }
      throw invalidRequest([await this.#refusal(error, tools, options)]);
    }
  }

  /** Which field of a request its template refuses, and why. */
  async #refusal(
    error: unknown,
    tools: readonly unknown[],
    options: RenderOptions,
  ): Promise<FieldError> {
    const reason = errorMessage(error);
    const { probe, skills } = this.#variant(tools);
    const [hello] = this.turns(HELLO);
    const field = error instanceof TooManySteps
      ? undefined
      : await refusedField({ tools, kwargs: options.kwargs ?? {} }, async ({ tools, kwargs }) => {
        const given = { kwargs, toolsAs: skills.toolsAs };
        try {
          await inTurns(this.#rendering(probe, [hello!], tools, given));
          return false;
        } catch (error) {
          // How long it would take says nothing of how it would end.
          return !(error instanceof TooManySteps);
        }
      });
    return field === undefined
      ? { field: "messages", message: `the model's chat template refuses them: ${reason}` }
      : { field, message: `the model's chat template cannot write it: ${reason}` };
  }
}

/** A tool with all that templates read, as some do without looking: texts are empty, objects have no fields. */
function completed(tool: unknown): unknown {
  if (!isRecord(tool) || !isRecord(tool["function"])) return tool;
  const { parameters, description, ...rest } = tool["function"];
  const schema = isRecord(parameters) ? parameters : {};
  const properties = isRecord(schema["properties"]) ? schema["properties"] : {};
  return {
    ...tool,
    function: {
      ...rest,
      description: description ?? "",
      parameters: {
        type: "object",
        required: [],
        ...schema,
        properties: Object.fromEntries(
          Object.entries(properties).map(([name, property]) => [
            name,
            isRecord(property) && !isExactNumber(property)
              ? { description: "", ...property }
              : property,
          ]),
        ),
      },
    },
  };
}
