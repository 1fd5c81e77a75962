import { defined, parseJson } from "#shared/json.ts";
import type { Message } from "#shared/contracts/request.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { CALL_TAGS, type CallSyntax } from "./call_syntax.ts";

/** A turn in the form that chat templates expect. */
export interface Turn {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
  readonly tool_call_id?: string;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: "function";
    readonly function: { readonly name: string; readonly arguments: unknown };
  }[];
}

/** Renders a template; throws its errors. */
export type Render = (turns: readonly Turn[], tools: readonly Tool[]) => string;

/** How a chat template supports tools. */
export interface ToolSkills {
  /** Whether it describes tools and renders calls and results itself. */
  readonly native: boolean;
  /** Form of a call's arguments: most templates expect a value, which they write as JSON. */
  readonly argumentsAs: "value" | "text";
  /** Whether it renders a system turn. */
  readonly system: boolean;
  readonly syntax: CallSyntax;
}

const PROBE: Tool = {
  type: "function",
  function: {
    name: "probe_name",
    description: "probe",
    parameters: { type: "object", properties: { probe_key: { type: "string" } } },
  },
};
const HELLO: Turn = { role: "user", content: "hello" };

function probeTurns(argumentsAs: ToolSkills["argumentsAs"]): Turn[] {
  const call = { name: "probe_name", arguments: '{"probe_key":"probe_value"}' };
  const messages: Message[] = [
    { role: "user", content: "hello" },
    {
      role: "assistant",
      content: "",
      tool_calls: [{ id: "probe0001", type: "function", function: call }],
    },
    { role: "tool", content: "probe_result", tool_call_id: "probe0001" },
  ];
  return nativeTurns(messages, argumentsAs);
}

/** Finds out how a template supports tools by rendering a conversation with it. */
export function toolSkills(render: Render): ToolSkills {
  const shows = (turns: readonly Turn[], tools: readonly Tool[], ...marks: string[]) => {
    try {
      const text = render(turns, tools);
      return marks.every((mark) => text.includes(mark)) ? text : undefined;
    } catch {
      return undefined;
    }
  };
  const system = shows([{ role: "system", content: "probe_system" }, HELLO], [], "probe_system");
  const fallback = {
    native: false,
    argumentsAs: "value",
    system: system !== undefined,
    syntax: "tagged",
  } as const;
  if (shows([HELLO], [PROBE], "probe_name") === undefined) return fallback;
  for (const argumentsAs of ["value", "text"] as const) {
    const turns = probeTurns(argumentsAs);
    const text = shows(turns, [PROBE], "probe_value", "probe_result");
    if (text === undefined) continue;
    const syntax = text.includes(CALL_TAGS.open) && text.includes(CALL_TAGS.close)
      ? "tagged"
      : "bare";
    return { ...fallback, native: true, argumentsAs, syntax };
  }
  return fallback;
}

/** Turns for a template that supports tools. */
export function nativeTurns(
  messages: readonly Message[],
  argumentsAs: ToolSkills["argumentsAs"],
): Turn[] {
  const names = new Map<string, string>();
  return messages.map((message): Turn => {
    if (message.role === "assistant" && message.tool_calls) {
      const tool_calls = message.tool_calls.map(({ id, type, function: call }) => {
        names.set(id, call.name);
        const value = argumentsAs === "text" ? call.arguments : parsed(call.arguments);
        return { id, type, function: { name: call.name, arguments: value } };
      });
      return { role: message.role, content: message.content, tool_calls };
    }
    if (message.role !== "tool") return { role: message.role, content: message.content };
    const { role, content, tool_call_id } = message;
    const name = names.get(tool_call_id ?? "");
    return {
      role,
      content,
      ...defined({ tool_call_id, name }),
    };
  });
}

/**
 * Turns for a template that does not support tools. The functions are described in the system turn,
 * or in the first turn if the template renders no system turn; calls are written between tags, and
 * results are turns of the user.
 */
export function plainTurns(
  messages: readonly Message[],
  tools: readonly Tool[],
  system: boolean,
): Turn[] {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      const content = `<tool_response>\n${message.content}\n</tool_response>`;
      const last = turns.at(-1);
      // Results of one turn's calls are put together, since some templates require alternating
      // roles.
      if (last && messages[index - 1]?.role === "tool") {
        turns[turns.length - 1] = { ...last, content: `${last.content}\n${content}` };
      } else turns.push({ role: "user", content });
      continue;
    }
    const calls = message.role === "assistant" ? message.tool_calls ?? [] : [];
    const written = calls.map(({ function: { name, arguments: given } }) =>
      `${CALL_TAGS.open}\n${JSON.stringify({ name, arguments: parsed(given) })}\n${CALL_TAGS.close}`
    );
    const content = [message.content, ...written].filter((part) => part !== "").join("\n");
    turns.push({ role: message.role, content });
  }
  return tools.length === 0 ? turns : withDescription(turns, describeTools(tools), system);
}

function withDescription(turns: readonly Turn[], description: string, system: boolean): Turn[] {
  const [first, ...rest] = turns;
  if (first?.role === "system") {
    return [{ ...first, content: `${first.content}\n\n${description}` }, ...rest];
  }
  if (system) return [{ role: "system", content: description }, ...turns];
  if (!first) return [];
  return [{ ...first, content: `${description}\n\n${first.content}` }, ...rest];
}

function describeTools(tools: readonly Tool[]): string {
  const lines = tools.map(({ function: { name, description, parameters } }) =>
    JSON.stringify({ name, description, parameters })
  );
  return "You may call functions. To call one, write\n" +
    `${CALL_TAGS.open}\n{"name": "its name", "arguments": {"key": "value"}}\n${CALL_TAGS.close}\n` +
    `and nothing else; the result comes in the next turn. The functions:\n${lines.join("\n")}`;
}

/** The value of a call's arguments; text that is not JSON stays text. */
function parsed(text: string): unknown {
  return parseJson(text) ?? text;
}
