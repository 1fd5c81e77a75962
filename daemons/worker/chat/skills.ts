import { type Render, TOOL_NAMES, type ToolName, type Turn, type TurnPart } from "./render.ts";

/** How a chat template wants its turns: found by rendering small conversations with it. */
export interface Skills {
  /** Whether it renders a system turn. */
  readonly system: boolean;
  /** Whether it wants texts as lists of parts. */
  readonly textInParts: boolean;
  /** Whether it refuses two turns of the user in a row. */
  readonly alternates: boolean;
  /** The name under which it describes tools; undefined if it describes none. */
  readonly toolsAs: ToolName | undefined;
  /** Whether it renders calls and results itself. */
  readonly calls: boolean;
  /** Whether it refuses turns with more than one call. */
  readonly singleCalls: boolean;
  /** Form of a call's arguments: most templates expect a value, which they write as JSON. */
  readonly argumentsAs: "value" | "text";
  /** Whether it refuses arguments that are no object, such as a text that is not JSON. */
  readonly mappings: boolean;
  /** Whether ids of calls must have nine letters and digits. */
  readonly shortIds: boolean;
  /** Where it reads thoughts of a turn. */
  readonly thoughtsAs: "fields" | "parts";
  /** Whether it refuses a call beside both thoughts and text. */
  readonly eitherThoughtsOrText: boolean;
}

const HELLO: Turn = { role: "user", content: "probe_hello" };
const PROBE = [{
  type: "function",
  function: {
    name: "probe_name",
    description: "probe",
    parameters: {
      type: "object",
      properties: { probe_key: { type: "string", description: "probe" } },
      required: ["probe_key"],
    },
  },
}];
const THOUGHTS = {
  reasoning_content: "probe_thought",
  reasoning: "probe_thought",
  thinking: "probe_thought",
};
const THOUGHT_PARTS: readonly TurnPart[] = [
  { type: "thinking", thinking: "probe_thought" },
  { type: "text", text: "probe_text" },
];
const VALUE = { probe_key: "probe_value" };
const TEXT = '{"probe_key": "probe_value"}';

interface CallOptions {
  readonly content?: string;
  readonly args?: unknown;
  readonly id?: string;
  readonly count?: number;
}

function callTurn({ content = "", args = VALUE, id = "probe0001", count = 1 }: CallOptions): Turn {
  const call = { id, type: "function", function: { name: "probe_name", arguments: args } } as const;
  return { role: "assistant", content, tool_calls: Array.from({ length: count }, () => call) };
}

function called(options: CallOptions = {}): Turn[] {
  const { id = "probe0001" } = options;
  const result = { role: "tool", content: "probe_result", tool_call_id: id, name: "probe_name" };
  return [HELLO, callTurn(options), result];
}

/** Finds out how a template wants its turns. */
export function findSkills(render: Render): Skills {
  const text = (...args: Parameters<Render>): string | undefined => {
    try {
      return render(...args);
    } catch {
      return undefined;
    }
  };
  const shows = (mark: string, ...args: Parameters<Render>) =>
    text(...args)?.includes(mark) ?? false;
  const toolsAs = TOOL_NAMES.find((name) => shows("probe_name", [HELLO], PROBE, { toolsAs: name }));
  const tools = toolsAs === undefined ? [] : PROBE;
  const withCall = (options: CallOptions) =>
    text(called(options), tools, toolsAs ? { toolsAs } : {});
  const { argumentsAs, rendering } = findArguments(withCall);
  const args = argumentsAs === "text" ? TEXT : VALUE;
  const calls = rendering !== undefined;
  const alone = [HELLO, { role: "assistant", content: "probe_text", ...THOUGHTS }];
  const inParts = [HELLO, { role: "assistant", content: THOUGHT_PARTS }];
  const noPrompt = { addGenerationPrompt: false };
  const ends: [Turn[], typeof noPrompt][] = [[alone, noPrompt]];
  if (calls) {
    const [, turn, result] = called({ args });
    ends.push([[HELLO, { ...turn!, ...THOUGHTS }, result!], noPrompt]);
  }
  const thoughtsInFields = ends.some(([turns]) => shows("probe_thought", turns, tools, noPrompt));
  const partsText = text(inParts, [], noPrompt);
  const thoughtsInParts = partsText !== undefined && partsText.includes("probe_thought") &&
    !/["']thinking["']/.test(partsText);
  const bothText = [HELLO, { ...callTurn({ args, content: "probe_text" }), ...THOUGHTS }];
  const eitherText = [HELLO, { ...callTurn({ args }), ...THOUGHTS }];
  return {
    system: shows("probe_system", [{ role: "system", content: "probe_system" }, HELLO], []),
    textInParts: !shows("probe_hello", [HELLO], []) &&
      shows(
        "probe_hello",
        [{ role: "user", content: [{ type: "text", text: "probe_hello" }] }],
        [],
      ),
    alternates: text([HELLO], []) !== undefined && text([HELLO, HELLO], []) === undefined,
    toolsAs,
    calls,
    singleCalls: calls && withCall({ args, count: 2 }) === undefined,
    argumentsAs,
    mappings: calls && withCall({ args: "probe_text" }) === undefined,
    shortIds: calls && withCall({ args, id: "probe_call_0001" }) === undefined,
    thoughtsAs: !thoughtsInFields && thoughtsInParts ? "parts" : "fields",
    eitherThoughtsOrText: calls && text(bothText, tools) === undefined &&
      text(eitherText, tools) !== undefined,
  };
}

/** In which form the template writes arguments as JSON, and what it wrote. */
function findArguments(withCall: (options: CallOptions) => string | undefined) {
  const renderings = ([["value", VALUE], ["text", TEXT]] as const).map(([argumentsAs, args]) => ({
    argumentsAs,
    rendering: withCall({ args }),
  })).filter(({ rendering }) =>
    rendering?.includes("probe_value") && rendering.includes("probe_result")
  );
  // Python's way to write a dict, and JSON in JSON, are not what a template means.
  const clean = renderings.find(({ rendering }) => !/'probe_key'|\\"probe_key/.test(rendering!));
  return clean ?? renderings[0] ?? { argumentsAs: "value" as const, rendering: undefined };
}
