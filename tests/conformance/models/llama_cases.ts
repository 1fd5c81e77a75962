import { CppReader, cppTokens, type CppValue } from "./cpp_values.ts";

/** A call that a model's text means. */
export interface ExpectedCall {
  readonly name: string;
  readonly arguments: string;
}

/** What a model's text means. */
export interface Meaning {
  content: string;
  reasoning: string;
  calls: readonly ExpectedCall[];
}

/** A function that a case offers. */
export interface CaseTool {
  readonly name: string;
  readonly description: string;
  readonly parameters: unknown;
}

/** A case of llama.cpp's tests: a model's text and its meaning. */
export interface LlamaCase {
  /** File name of the template. */
  readonly template: string;
  readonly input: string;
  readonly expected: Meaning;
  readonly tools: readonly CaseTool[];
  readonly splitsThoughts: boolean;
  readonly enableThinking: boolean;
  readonly isParallel: boolean;
  readonly isPartial: boolean;
  readonly hasSchema: boolean;
  /** A turn of the assistant that is continued. */
  readonly continues: Meaning | undefined;
}

const MAIN = "test_template_output_peg_parsers";

/** The cases of llama.cpp's tests/test-chat.cpp. */
export function llamaCases(source: string): LlamaCase[] {
  const reader = new CppReader(cppTokens(source), new Map());
  const cases: LlamaCase[] = [];
  const { tokens } = reader;
  const bodyOf = (name: string) => {
    for (let at = 0; at < tokens.length; at++) {
      if (tokens[at]!.text !== name || tokens[at + 1]?.text !== "(") continue;
      const body = reader.closing(at + 1);
      if (tokens[body]?.text === "{") return { from: body, to: reader.closing(body) };
    }
    throw new Error(`llama.cpp's tests have no function '${name}'`);
  };
  const main = bodyOf(MAIN);
  readDefinitions(reader, 0, main.from);
  readBody(reader, main.from, main.to, bodyOf, cases);
  return cases;
}

type BodyOf = (name: string) => { readonly from: number; readonly to: number };

/** Reads definitions of tools and messages. */
function readDefinitions(reader: CppReader, from: number, to: number): void {
  for (let at = from; at < to; at++) at = readDefinition(reader, at) ?? at;
}

/** Reads a definition at an index; returns the index of its last token. */
function readDefinition(reader: CppReader, at: number): number | undefined {
  const { tokens, names } = reader;
  const [type, name, sign] = tokens.slice(at, at + 3);
  if (type?.kind !== "name" || name?.kind !== "name") {
    // const char * name = "…"
    if (name?.text !== "*" || sign?.kind !== "name") return undefined;
    if (tokens[at + 3]?.text !== "=" || tokens[at + 4]?.kind !== "string") return undefined;
    reader.at = at + 4;
    names.set(sign.text, reader.value());
    return reader.at - 1;
  }
  const isTool = type.text === "common_chat_tool" && sign?.text === "{";
  const isText = type.text === "std::string" && sign?.text === "=";
  const isMessage = ["common_chat_msg", "auto"].includes(type.text) && sign?.text === "=" &&
    /^(simple_assist_msg|message_with)/.test(tokens[at + 3]?.text ?? "");
  const isList = name.text === "tools" && sign?.text === "{";
  if (!isTool && !isText && !isMessage && !isList) return undefined;
  reader.at = isTool || isList ? at + 2 : at + 3;
  try {
    names.set(name.text, reader.value());
  } catch {
    return undefined;
  }
  return reader.at - 1;
}

function readBody(
  reader: CppReader,
  from: number,
  to: number,
  bodyOf: BodyOf,
  cases: LlamaCase[],
): void {
  const { tokens, names } = reader;
  const templates = new Map<string, string>();
  for (let at = from; at < to; at++) {
    const token = tokens[at]!;
    if (token.kind !== "name") continue;
    if (token.text === "for" && tokens[at + 1]?.text === "(") {
      const head = reader.closing(at + 1);
      const colon = tokens.findIndex((each, index) => index > at && each.text === ":");
      if (colon > head || tokens[head]?.text !== "{" || tokens[colon + 1]?.text !== "{") continue;
      reader.at = colon + 1;
      const values = reader.value() as readonly string[];
      const end = reader.closing(head);
      for (const value of values) {
        names.set(tokens[colon - 1]!.text, value);
        readBody(reader, head, end, bodyOf, cases);
      }
      at = end - 1;
    } else if (token.text === "test_lfm2_parser") {
      const inner = bodyOf(token.text);
      names.set("template_path", names.get("tmpl")!);
      readBody(reader, inner.from, inner.to, bodyOf, cases);
    } else if (token.text === "peg_tester" && tokens[at - 1]?.text === "=") {
      reader.at = at + 2;
      const path = reader.value() as string;
      templates.set(tokens[at - 2]!.text, path.split("/").at(-1)!);
    } else if (templates.has(token.text) && tokens[at + 2]?.text === "test") {
      reader.at = at + 1;
      cases.push(readCase(reader, templates.get(token.text)!));
      at = reader.at - 1;
    } else at = readDefinition(reader, at) ?? at;
  }
}

/** Reads `.test(…).tools(…)….run()`. */
function readCase(reader: CppReader, template: string): LlamaCase {
  const methods = new Map<string, CppValue>();
  const order: [string, CppValue][] = [];
  while (reader.is(".")) {
    const name = reader.tokens[reader.at + 1]!.text;
    reader.at += 3;
    const [value = ""] = reader.list(")");
    methods.set(name, value);
    order.push([name, value]);
    if (name === "run") break;
  }
  const expected: Meaning = { content: "", reasoning: "", calls: [] };
  for (const [name, value] of order) {
    if (name === "expect") Object.assign(expected, messageOf(value));
    else if (name === "expect_content") expected.content = value as string;
    else if (name === "expect_reasoning") expected.reasoning = value as string;
    else if (name === "expect_tool_calls") expected.calls = callsOf(value);
  }
  const nameOf = (method: string) => (methods.get(method) as { name?: string } | undefined)?.name;
  const isContinued = methods.has("continue_final_message");
  const messages = methods.get("messages") as readonly CppValue[] | undefined;
  return {
    template,
    input: methods.get("test") as string,
    expected,
    tools: ((methods.get("tools") ?? []) as readonly CppValue[]).map(toolOf),
    splitsThoughts: /AUTO|DEEPSEEK/.test(nameOf("reasoning_format") ?? ""),
    enableThinking: methods.get("enable_thinking") !== false,
    isParallel: methods.get("parallel_tool_calls") === true,
    isPartial: methods.get("is_partial") === true,
    hasSchema: methods.has("json_schema"),
    continues: isContinued ? messageOf(messages!.at(-1)!) : undefined,
  };
}

function toolOf(value: CppValue): CaseTool {
  const [name, description, parameters] = value as readonly string[];
  return { name: name!, description: description!, parameters: JSON.parse(parameters!) };
}

function callsOf(value: CppValue): ExpectedCall[] {
  return (value as readonly (readonly string[])[]).map(([name, given]) => ({
    name: name!,
    arguments: given!,
  }));
}

/** The meaning of a message that one of the tests' functions makes. */
function messageOf(value: CppValue): Meaning {
  const { call, arguments: given } = value as { call: string; arguments: readonly CppValue[] };
  const [a = "", b = "", c = "", d = ""] = given as readonly string[];
  const one = (name: string, text: string) => name === "" ? [] : [{ name, arguments: text }];
  switch (call) {
    case "simple_assist_msg":
      return { content: a, reasoning: b, calls: one(c, d) };
    case "message_with_tool_calls":
      return { content: "", reasoning: "", calls: one(a, b) };
    case "message_with_tool_calls_and_reasoning":
      return { content: "", reasoning: c, calls: one(a, b) };
    case "message_with_reasoning_content_and_multiple_tool_calls":
      return { content: b, reasoning: a, calls: callsOf(given[2]!) };
    case "message_with_content_and_tool_call":
      return { content: a, reasoning: "", calls: one(b, c) };
    case "message_with_reasoning_and_tool_call":
      return { content: "", reasoning: a, calls: one(b, c) };
    default:
      throw new Error(`llama.cpp's tests make a message with '${call}', which is not known`);
  }
}
