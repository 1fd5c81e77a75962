/** A part of a turn's text. */
export type TurnPart =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "thinking"; readonly thinking: string };

/** A turn in the form that chat templates expect. */
export interface Turn {
  readonly role: string;
  readonly content: string | readonly TurnPart[];
  readonly name?: string | undefined;
  readonly tool_call_id?: string | undefined;
  /** Thoughts of an assistant, in each name that templates read. */
  readonly reasoning_content?: string | undefined;
  readonly reasoning?: string | undefined;
  readonly thinking?: string | undefined;
  readonly tool_calls?:
    | readonly {
      readonly id: string;
      readonly type: "function";
      readonly function: { readonly name: string; readonly arguments: unknown };
    }[]
    | undefined;
}

/** Names under which templates look for tools: most read the first. */
export const TOOL_NAMES = ["tools", "xml_tools", "available_tools", "functions"] as const;
export type ToolName = (typeof TOOL_NAMES)[number];

export interface RenderOptions {
  /** What a request gives the template besides; it cannot replace inputs of ours. */
  readonly kwargs?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the text ends with the beginning of an answer. Default: true. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** Whether the text ends within the last turn, so that the model continues it. */
  readonly continueFinal?: boolean | undefined;
  /** Whether it ends within the thought of that turn, and not within its text. */
  readonly continuesThought?: boolean | undefined;
  /** Tokens that stand for texts which the turns have in the place of pictures and sound. */
  readonly media?: ReadonlyMap<string, readonly number[]> | undefined;
  /** The name under which the template gets the tools. */
  readonly toolsAs?: ToolName | undefined;
}

/** Renders a template; throws its errors. */
export type Render = (
  turns: readonly Turn[],
  tools: readonly unknown[],
  options?: RenderOptions,
) => string;
