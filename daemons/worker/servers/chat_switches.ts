import { imagesOf } from "#shared/contracts/images.ts";
import type { ExecuteRequest, Message } from "#shared/contracts/request.ts";
import { offeredTools } from "#shared/contracts/tools.ts";
import { type FieldError, invalidRequest } from "#shared/errors.ts";

/** Switches of a chat that servers take in their own ways. */
const SWITCHES = [
  "reasoning_effort",
  "reasoning_format",
  "reasoning_budget_tokens",
  "chat_template_kwargs",
  "continue_final_message",
] as const;

type Switch = typeof SWITCHES[number];

/** Fields of a request about its chat template, the model's thinking and how a prompt is read. */
export type ChatSwitches = Partial<Pick<ExecuteRequest, Switch | "special" | "suffix">> & {
  readonly messages?: readonly Message[] | undefined;
};

/** How a server takes each switch; one that is absent is refused. */
export type SwitchNames = { readonly [name in Switch]?: WriteSwitch };

/** The server's fields for the switch of a request that has it; undefined if it cannot honour it. */
type WriteSwitch = (request: ChatSwitches) => Record<string, unknown> | undefined;

/**
 * Converts the switches of a request to a server's fields.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names each switch which the server cannot honour
 */
export function switchFields(request: ChatSwitches, names: SwitchNames): Record<string, unknown> {
  const given = SWITCHES.filter((field) => request[field] !== undefined);
  const written = given.map((field) => ({ field, fields: names[field]?.(request) }));
  const errors: FieldError[] = written.filter(({ fields }) => fields === undefined)
    .map(({ field }) => ({ field, message: UNKNOWN }));
  if (errors.length > 0) throw invalidRequest(errors);
  return Object.assign({}, ...written.map(({ fields }) => fields));
}

/** @throws {LlorchError} `INVALID_REQUEST` that names the field */
export function refuseSwitch(
  field: keyof ChatSwitches | "logprobs" | "with_pieces" | "prompt_logprobs",
): never {
  throw invalidRequest([{ field, message: UNKNOWN }]);
}

const UNKNOWN = "is not known to the engine that serves this model";

/** Writes a field under its own name. */
export const asIs = (name: Switch): WriteSwitch => (request) => ({ [name]: request[name] });

/** Continues the last message; servers begin a new turn otherwise, also where it is the assistant's. */
export const continuing = {
  continue_final_message: true,
  add_generation_prompt: false,
} as const;

/** Whether the last message is the assistant's text. */
export function endsWithAnswer(messages: readonly Message[] = []): boolean {
  const last = messages.at(-1);
  return last?.role === "assistant" && (last.tool_calls ?? []).length === 0;
}

/**
 * Whether only the server can tell the parts of an answer apart: it knows how its model writes calls
 * and thoughts. With `reasoning_format: "none"` thoughts are not told apart, and the answer can be
 * resumed.
 */
export function needsChatRoute(request: ExecuteRequest, thinks: boolean): boolean {
  if (request.messages === undefined) return false;
  if (imagesOf(request.messages).length > 0) return true;
  if (offeredTools(request).length > 0 || request.reasoning_budget_tokens !== undefined) {
    return true;
  }
  return thinks && request.reasoning_format !== "none";
}

/** Renders a chat with the server's template; undefined if it refuses to. */
export type RenderChat = (body: Record<string, unknown>) => Promise<string | undefined>;

const THOUGHT = "probe_thought";
const HELLO = { role: "user", content: "hello" } as const;

/** Messages with a thought before a call, which templates keep. */
const PROBE = [
  HELLO,
  {
    role: "assistant",
    content: "",
    reasoning_content: THOUGHT,
    tool_calls: [{
      id: "probe0001",
      type: "function",
      function: { name: "probe", arguments: "{}" },
    }],
  },
  { role: "tool", content: "done", tool_call_id: "probe0001" },
];

/**
 * Finds out whether a model may think, from its template: it has a switch for it, or the prompt ends
 * in an open thought, or thoughts of the history are rendered.
 */
export async function findThinking(render: RenderChat): Promise<boolean> {
  const switched = (on: boolean) =>
    render({
      messages: [HELLO],
      chat_template_kwargs: { enable_thinking: on, thinking: on },
    });
  const plain = await render({ messages: [HELLO] });
  if (plain === undefined) return false;
  if (/<[^<>]*think[^<>]*>\s*$/i.test(plain)) return true;
  if (await switched(true) !== await switched(false)) return true;
  return (await render({ messages: PROBE }))?.includes(THOUGHT) ?? false;
}
