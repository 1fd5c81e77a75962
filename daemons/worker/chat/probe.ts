import type { Render, RenderOptions, Turn } from "./render.ts";

/** Texts of probes, which no template contains. */
export const TEXTS = {
  ...{ user: "Ask7Me", content: "Say7It", thought: "Muse7On" },
  ...{ first: "probe_first", second: "probe_second" },
  ...{ stringKey: "alpha_key", numberKey: "beta_key", string: "Value7Text", number: 731 },
  ...{ firstId: "a1b2c3d4e", secondId: "z9y8x7w6v" },
} as const;

export const USER: Turn = { role: "user", content: TEXTS.user };

/** Switches of thinking that templates know, on and off. */
export const THINKING = [
  { enable_thinking: true, thinking: true },
  { enable_thinking: false, thinking: false },
] as const;

const properties = {
  [TEXTS.stringKey]: { type: "string", description: "a text" },
  [TEXTS.numberKey]: { type: "integer", description: "a number" },
};

/** Functions that probes call. */
export const TOOLS: readonly unknown[] = [TEXTS.first, TEXTS.second].map((name) => ({
  type: "function",
  function: {
    name,
    description: "does something",
    parameters: { type: "object", properties, required: [] },
  },
}));

/** A call of a probe. */
export interface ProbeCall {
  readonly id: string;
  readonly name: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export const FIRST: ProbeCall = {
  ...{ id: TEXTS.firstId, name: TEXTS.first },
  values: { [TEXTS.stringKey]: TEXTS.string, [TEXTS.numberKey]: TEXTS.number },
};
export const SECOND: ProbeCall = {
  ...{ id: TEXTS.secondId, name: TEXTS.second },
  values: { [TEXTS.numberKey]: TEXTS.number },
};

/** A turn with calls. Some templates want arguments as text, most as a value. */
export function callTurn(
  calls: readonly ProbeCall[],
  asText: boolean,
  content: string | null,
): Turn {
  return {
    role: "assistant",
    // Some templates recognize a turn of calls by its content: none.
    content: content as string,
    tool_calls: calls.map(({ id, name, values }) => ({
      id,
      type: "function",
      function: { name, arguments: asText ? JSON.stringify(values) : values },
    })),
  };
}

/** Renders templates for probes: what comes after the user's text, undefined if it throws. */
export class Prober {
  readonly #render: Render;
  #count = 0;

  constructor(render: Render) {
    this.#render = render;
  }

  /** How often the template was rendered. */
  get count(): number {
    return this.#count;
  }

  whole(
    turns: readonly Turn[],
    tools: readonly unknown[] = [],
    options: RenderOptions = {},
  ): string | undefined {
    this.#count++;
    try {
      return this.#render(turns, tools, { addGenerationPrompt: false, ...options });
    } catch {
      return undefined;
    }
  }

  /** What is rendered after the last text of the user. */
  answer(
    turns: readonly Turn[],
    tools: readonly unknown[] = [],
    options: RenderOptions = {},
  ): string | undefined {
    const text = this.whole([USER, ...turns], tools, options);
    const at = text?.lastIndexOf(TEXTS.user) ?? -1;
    return text === undefined || at < 0 ? undefined : text.slice(at + TEXTS.user.length);
  }

  /** What is rendered between the user's text and another turn of the user. */
  past(turns: readonly Turn[]): string | undefined {
    const text = this.whole([USER, ...turns, { role: "user", content: "Next7Turn" }]);
    const at = text?.indexOf(TEXTS.user) ?? -1;
    return at < 0 ? undefined : text!.slice(at + TEXTS.user.length);
  }

  /** What a template adds so that the model answers. */
  prompt(kwargs: Readonly<Record<string, unknown>> = {}): string | undefined {
    return this.answer([], [], { addGenerationPrompt: true, kwargs });
  }
}
