import assert from "node:assert/strict";
import { KNOWN_SYNTAXES, USUAL_CALLS } from "../chat/known_syntaxes.ts";
import type { CallSyntax } from "../chat/syntax.ts";
import { callGrammar } from "./call_grammar.ts";
import { forcedCallGrammar } from "./forced_call_grammar.ts";
import type { Making } from "./in_turns.ts";
import { makingJsonGrammar } from "./json_grammar.ts";
import { begunMessage } from "./message_grammar.ts";
import { toolGrammar } from "./tool_grammar.ts";

const COUNT = 300;
const schema = {
  type: "object",
  properties: Object.fromEntries(
    Array.from({ length: COUNT }, (_, at) => [`p${at}`, { type: "integer", minimum: at }]),
  ),
};
const tools = [{ type: "function", function: { name: "f", parameters: schema } }] as const;
const TAGGED: CallSyntax = {
  ...{ opens: ["<f="], closes: ["</f>"], before: "<f=" },
  form: {
    ...{ kind: "tagged", nameEnd: ">", key: "<p=", keyEnds: [">"] },
    ...{ close: "</p>", lines: true },
  },
};
const LITERAL: CallSyntax = {
  ...{ opens: ["<call>"], closes: ["</call>"], before: "<call>" },
  form: { kind: "literal", open: "(", separator: "=", quote: "" },
};
const messages = KNOWN_SYNTAXES[0]!.messages!;

/** Every way to make a grammar of many properties. */
const MAKINGS: Readonly<Record<string, () => Making<unknown>>> = {
  "a schema": () => makingJsonGrammar(schema, "json_schema"),
  "a tool": () => toolGrammar(tools, tools),
  "a call as JSON": () => callGrammar(tools, USUAL_CALLS),
  "a call between tags": () => callGrammar(tools, TAGGED),
  "a call as literals": () => callGrammar(tools, LITERAL),
  "a forced call": () => forcedCallGrammar(tools, USUAL_CALLS),
  "a call in a message": () => begunMessage(tools, { messages, calls: undefined }, "all"),
};

for (const [what, make] of Object.entries(MAKINGS)) {
  Deno.test(`the grammar of ${what} is made in steps, one for each property at least`, () => {
    let steps = 0;
    const making = make();
    while (!making.next().done) steps++;
    assert.ok(steps >= COUNT, `${steps} steps`);
  });
}
