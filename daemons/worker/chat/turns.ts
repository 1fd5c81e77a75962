import { createHash } from "node:crypto";
import { defined } from "#shared/json.ts";
import type { Tool } from "#shared/contracts/tools.ts";
import { CALL_TAGS } from "./call_tags.ts";
import { closedJson } from "./closed_json.ts";
import { parseExact, toPlainJson } from "./jinja/json.ts";
import { Dict, type Value } from "./jinja/values.ts";
import type { Turn, TurnPart } from "./render.ts";
import type { Skills } from "./skills.ts";

/** A message of a chat, as requests have it. */
export interface ChatMessage {
  readonly role: string;
  readonly content?: string | null | undefined;
  readonly reasoning_content?: string | null | undefined;
  readonly tool_call_id?: string | undefined;
  /** The name of the function whose result it is. */
  readonly name?: string | undefined;
  readonly tool_calls?:
    | readonly {
      readonly id: string;
      readonly function: { readonly name: string; readonly arguments: string };
    }[]
    | undefined;
}

/** Parts of one text, as requests may give it: templates get them as lines. */
export function joinParts(parts: readonly { readonly text: string }[]): string {
  return parts.map((part) => part.text).join("\n");
}

/** Turns for a template that has these skills. */
export function turnsOf(
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  skills: Skills,
): Turn[] {
  const { toolsAs, system, alternates, textInParts, calls } = skills;
  let turns = calls ? nativeTurns(messages, skills) : plainTurns(messages, skills);
  if (toolsAs === undefined && tools.length > 0) turns = withDescription(turns, tools, system);
  if (!system) turns = systemInUserTurn(turns);
  if (alternates) turns = alternating(turns);
  return textInParts ? turns.map(inParts) : turns;
}

/** Turns for a template that renders calls and results itself. */
export function nativeTurns(messages: readonly ChatMessage[], skills: Skills): Turn[] {
  const names = new Map<string, string>();
  /** Calls whose results have not come yet; results without an id are theirs, in their order. */
  let open: string[] = [];
  const turns: Turn[] = [];
  for (const message of messages) {
    const content = message.content ?? "";
    if (message.role === "tool") {
      const id = message.tool_call_id === undefined
        ? open.shift()
        : idOf(message.tool_call_id, skills);
      // Some templates fail on a result without a name: one of no known call is that of the open call.
      const only = open.length === 1 ? names.get(open[0]!) : undefined;
      const name = names.get(id ?? "") ?? message.name ?? only ?? message.tool_call_id;
      open = open.filter((other) => other !== id);
      turns.push({ role: "tool", content, ...defined({ tool_call_id: id, name }) });
      continue;
    }
    const tool_calls = message.tool_calls?.map(({ id, function: { name, arguments: given } }) => {
      const itsId = idOf(id, skills);
      names.set(itsId, name);
      const value = argumentsOf(given, skills);
      return { id: itsId, type: "function" as const, function: { name, arguments: value } };
    });
    if (tool_calls) open = tool_calls.map(({ id }) => id);
    const turn = { role: message.role, ...withThoughts(message, skills) };
    if (!tool_calls) turns.push(turn);
    else if (!skills.singleCalls) turns.push({ ...turn, tool_calls });
    else {
      for (const [index, call] of tool_calls.entries()) {
        turns.push({
          ...(index === 0 ? turn : { role: turn.role, content: "" }),
          tool_calls: [call],
        });
      }
    }
  }
  return skills.singleCalls ? withResults(turns) : turns;
}

/**
 * Puts each result after its call, by its id or else in the order of the calls. Results belong to the
 * calls before them; those without a call stay behind.
 */
function withResults(turns: readonly Turn[]): Turn[] {
  const sorted: Turn[] = [];
  let calls: Turn[] = [];
  let results: Turn[] = [];
  const flush = () => {
    for (const call of calls) {
      sorted.push(call);
      const id = call.tool_calls?.[0]?.id;
      const own = results.find((each) => each.tool_call_id === id);
      if (!own) continue;
      sorted.push(own);
      results = results.filter((each) => each !== own);
    }
    sorted.push(...results);
    [calls, results] = [[], []];
  };
  for (const turn of turns) {
    if (turn.role === "tool") results.push(turn);
    else {
      if (results.length > 0 || !turn.tool_calls) flush();
      if (turn.tool_calls) calls.push(turn);
      else sorted.push(turn);
    }
  }
  flush();
  return sorted;
}

/** Ids of nine letters and digits for templates that want them; the same id for the same text. */
function idOf(id: string, { shortIds }: Skills): string {
  if (!shortIds || /^[A-Za-z0-9]{9}$/.test(id)) return id;
  return createHash("sha256").update(id).digest("hex").slice(0, 9);
}

/**
 * A call's arguments in the form that the template wants. As a value, their numbers are exact. What is
 * no object of JSON stays text, unless the template wants an object.
 */
function argumentsOf(given: string, { argumentsAs, mappings }: Skills): unknown {
  const asText = argumentsAs === "text";
  // Some clients write no arguments as an empty text.
  const text = given.trim() === "" ? "{}" : given;
  const value = parseExact(text);
  if (value instanceof Dict) return asText ? text : value;
  if (!mappings) return !asText && value === null ? new Dict() : text;
  const mapping = mappingOf(text, value);
  return asText ? toPlainJson(mapping) : mapping;
}

/** A cut object closed; what is no object at all has the name `arguments`. */
function mappingOf(text: string, value: Value | undefined): Dict {
  if (value === null) return new Dict();
  const whole = value === undefined ? parseExact(closedJson(text)) : undefined;
  return whole instanceof Dict ? whole : new Dict([["arguments", value ?? text]]);
}

/** The text and the thoughts of a message. */
function withThoughts(message: ChatMessage, skills: Skills) {
  const content = message.content ?? "";
  const thoughts = message.reasoning_content ?? "";
  if (thoughts === "" || message.role !== "assistant") return { content };
  if (skills.thoughtsAs === "parts") {
    const parts: TurnPart[] = [{ type: "thinking", thinking: thoughts }];
    return {
      content: content === "" ? parts : [...parts, { type: "text" as const, text: content }],
    };
  }
  const isApart = !skills.eitherThoughtsOrText || !message.tool_calls || content === "";
  const all = isApart ? thoughts : `${thoughts}\n\n${content}`;
  return {
    content: isApart ? content : "",
    reasoning_content: all,
    reasoning: all,
    thinking: all,
  };
}

/**
 * Turns for a template that renders no calls: they are written between tags, and results are turns
 * of the user.
 */
export function plainTurns(messages: readonly ChatMessage[], skills: Skills): Turn[] {
  const turns: Turn[] = [];
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      const content = `<tool_response>\n${message.content ?? ""}\n</tool_response>`;
      const last = turns.at(-1);
      // Results of one turn's calls are put together, since some templates require alternating
      // roles.
      if (last && messages[index - 1]?.role === "tool") {
        turns[turns.length - 1] = { ...last, content: `${last.content}\n${content}` };
      } else turns.push({ role: "user", content });
      continue;
    }
    const written = (message.tool_calls ?? []).map(({ function: { name, arguments: given } }) => {
      const call = `{"name": ${JSON.stringify(name)}, "arguments": ${jsonText(given)}}`;
      return `${CALL_TAGS.open}\n${call}\n${CALL_TAGS.close}`;
    });
    if (written.length === 0) {
      turns.push({ role: message.role, ...withThoughts(message, skills) });
      continue;
    }
    const content = [message.content ?? "", ...written].filter((part) => part !== "").join("\n");
    turns.push({ role: message.role, ...withThoughts({ ...message, content }, skills) });
  }
  return turns;
}

/** The text if it is JSON, else the text as JSON. */
function jsonText(text: string): string {
  return parseExact(text) === undefined ? JSON.stringify(text) : text;
}

/** Describes the functions in the system turn, or in the first if the template renders none. */
export function withDescription(
  turns: readonly Turn[],
  tools: readonly Tool[],
  system: boolean,
): Turn[] {
  const description = describeTools(tools);
  const [first, ...rest] = turns;
  if (first?.role === "system") {
    return [{ ...first, content: `${textOf(first)}\n\n${description}` }, ...rest];
  }
  if (system) return [{ role: "system", content: description }, ...turns];
  if (!first) return [];
  return [{ ...first, content: `${description}\n\n${textOf(first)}` }, ...rest];
}

/** Puts what the system says before the text of the user's first turn. */
function systemInUserTurn(turns: readonly Turn[]): Turn[] {
  const isSystem = ({ role }: Turn) => role === "system" || role === "developer";
  const said = turns.filter(isSystem).map(textOf);
  const others = turns.filter((turn) => !isSystem(turn));
  if (said.length === 0) return others;
  const at = others.findIndex(({ role }) => role === "user");
  const first = others[at];
  if (!first) return [{ role: "user", content: said.join("\n\n") }, ...others];
  return others.with(at, { ...first, content: [...said, textOf(first)].join("\n\n") });
}

/** Joins turns of the user that follow each other. */
function alternating(turns: readonly Turn[]): Turn[] {
  const joined: Turn[] = [];
  for (const turn of turns) {
    const last = joined.at(-1);
    if (last?.role !== "user" || turn.role !== "user") joined.push(turn);
    else joined[joined.length - 1] = { ...last, content: `${textOf(last)}\n\n${textOf(turn)}` };
  }
  return joined;
}

function inParts(turn: Turn): Turn {
  const { content } = turn;
  return typeof content === "string"
    ? { ...turn, content: [{ type: "text", text: content }] }
    : turn;
}

/** What a turn says, without its thoughts. */
export function textOf({ content }: Turn): string {
  if (typeof content === "string") return content;
  return joinParts(content.filter((part) => part.type === "text"));
}

function describeTools(tools: readonly Tool[]): string {
  const lines = tools.map(({ function: { name, description, parameters } }) =>
    toPlainJson({ name, description, parameters })
  );
  return "You may call functions. To call one, write\n" +
    `${CALL_TAGS.open}\n{"name": "its name", "arguments": {"key": "value"}}\n${CALL_TAGS.close}\n` +
    `and nothing else; the result comes in the next turn. The functions:\n${lines.join("\n")}`;
}
