import assert from "node:assert/strict";
import { findSyntax } from "./find_syntax.ts";
import type { Render, Turn } from "./render.ts";
import type { CallSyntax, Syntax } from "./syntax.ts";

/** A call as templates get it. */
interface Call {
  readonly id: string;
  readonly function: { readonly name: string; readonly arguments: Record<string, unknown> };
}

/** How a made-up template writes a turn of the assistant, and begins one. */
interface Writer {
  readonly answer: (turn: Turn, isLast: boolean) => string;
  readonly prompt?: (thinks: boolean) => string;
}

/** A made-up template. */
function template({ answer, prompt = () => "" }: Writer): Render {
  return (turns, tools, { addGenerationPrompt = true, kwargs = {} } = {}) => {
    const written = turns.map((turn, index) => {
      const isLast = index === turns.length - 1;
      const text = turn.role === "assistant" ? answer(turn, isLast) : String(turn.content ?? "");
      return `{${turn.role}}\n${text}{end}\n`;
    });
    const offered = tools.length > 0 ? `{tools}${JSON.stringify(tools)}{end}\n` : "";
    const thinks = kwargs["enable_thinking"] !== false;
    const begun = addGenerationPrompt ? `{assistant}\n${prompt(thinks)}` : "";
    return offered + written.join("") + begun;
  };
}

function callsOf(turn: Turn): readonly Call[] {
  return (turn.tool_calls ?? []) as readonly Call[];
}

function textOf(turn: Turn): string {
  return typeof turn.content === "string" ? turn.content : "";
}

const json = (value: unknown) => JSON.stringify(value);

/** Finds the calls of a template that writes them after its text. */
function callsIn(write: (calls: readonly Call[]) => string): CallSyntax | undefined {
  const answer = (turn: Turn) => {
    const calls = callsOf(turn);
    return textOf(turn) + (calls.length > 0 ? write(calls) : "");
  };
  return findSyntax(template({ answer })).calls;
}

/** Calls as templates write them: what they are, a template's way, what is found. */
const CALLS: readonly [string, (calls: readonly Call[]) => string, CallSyntax][] = [
  [
    "JSON between marks",
    (calls) =>
      calls.map(({ function: call }) =>
        `\n<deed>\n${json({ name: call.name, args: call.arguments })}\n</deed>`
      )
        .join(""),
    {
      ...{ opens: ["<deed>"], closes: ["</deed>"], before: "" },
      lead: "\n<deed>\n",
      form: { kind: "json", names: ["name"], arguments: ["args"] },
    },
  ],
  [
    "a list",
    (calls) =>
      `[DEEDS]${
        json(calls.map(({ id, function: call }) => ({ tool: call.name, with: call.arguments, id })))
      }`,
    {
      ...{ opens: ["[DEEDS]"], closes: [], before: "" },
      lead: "[DEEDS][",
      form: {
        ...{ kind: "json", names: ["tool"], arguments: ["with"] },
        fields: ["tool", "with", "id"],
      },
    },
  ],
  [
    "the name as key",
    (calls) =>
      `<|on|>${json(calls.map(({ function: call }) => ({ [call.name]: call.arguments })))}<|off|>`,
    {
      ...{ opens: ["<|on|>"], closes: ["<|off|>"], before: "" },
      lead: "<|on|>[",
      form: { kind: "json", names: [], arguments: [] },
    },
  ],
  [
    "a name, an id, JSON",
    (calls) =>
      calls.map(({ id, function: call }) =>
        `[DEED]${call.name}[ID]${id}[WITH]${json(call.arguments)}`
      )
        .join(""),
    {
      ...{ opens: ["[DEED]"], closes: [], before: "[DEED]" },
      lead: "[DEED]",
      form: { kind: "named", end: "[WITH]", id: "[ID]" },
    },
  ],
  [
    "a name with a number in a section",
    (calls) =>
      `<|deeds|>${
        calls.map(({ function: call }, index) =>
          `<|deed|>f.${call.name}:${index}<|with|>${json(call.arguments)}<|/deed|>`
        )
          .join("")
      }<|/deeds|>`,
    {
      opens: ["<|deeds|>", "<|deed|>f."],
      closes: ["<|/deed|>", "<|/deeds|>"],
      before: "<|deed|>f.",
      lead: "<|deeds|><|deed|>f.",
      form: { kind: "named", end: "<|with|>", id: ":" },
    },
  ],
  [
    "an id before the name",
    (calls) =>
      calls.map(({ id, function: call }) =>
        `<|deed|>${id}<|name|>${call.name}<|with|>${json(call.arguments)}<|/deed|>`
      )
        .join(""),
    {
      ...{ opens: ["<|deed|>"], closes: ["<|/deed|>"], before: "<|deed|>" },
      lead: "<|deed|>",
      form: { kind: "named", end: "<|with|>", nameMark: "<|name|>" },
    },
  ],
  [
    "marks around arguments",
    (calls) =>
      calls.map(({ function: call }) =>
        `\n<deed>\n<do=${call.name}>\n${
          Object.entries(call.arguments).map(([key, value]) => `<slot=${key}>\n${value}\n</slot>\n`)
            .join("")
        }</do>\n</deed>`
      ).join(""),
    {
      opens: ["<deed>", "<do="],
      closes: ["</do>", "</deed>"],
      before: "<do=",
      lead: "\n<deed>\n<do=",
      form: {
        ...{ kind: "tagged", nameEnd: ">", key: "<slot=", keyEnds: [">"], close: "</slot>" },
        lines: true,
      },
    },
  ],
  [
    "marks of keys and values",
    (calls) =>
      calls.map(({ function: call }) =>
        `\n<deed>${call.name}\n${
          Object.entries(call.arguments).map(([key, value]) => `<k>${key}</k>\n<v>${value}</v>\n`)
            .join("")
        }</deed>`
      ).join(""),
    {
      ...{ opens: ["<deed>"], closes: ["</deed>"], before: "<deed>" },
      lead: "\n<deed>",
      form: {
        ...{ kind: "tagged", nameEnd: "", key: "<k>", keyEnds: ["</k>", "<v>"], close: "</v>" },
        lines: false,
      },
    },
  ],
  [
    "a hint of strings",
    (calls) =>
      `<deeds>\n${
        calls.map(({ function: call }) =>
          `<do name="${call.name}">\n${
            Object.entries(call.arguments).map(([key, value]) =>
              `<slot name="${key}" text="${
                typeof value === "string" ? "yes" : "no"
              }">${value}</slot>\n`
            ).join("")
          }</do>\n`
        ).join("")
      }</deeds>`,
    {
      opens: ["<deeds>", '<do name="'],
      closes: ["</do>", "</deeds>"],
      before: '<do name="',
      lead: '<deeds>\n<do name="',
      form: {
        ...{ kind: "tagged", nameEnd: '">', key: '<slot name="', keyEnds: ['" text="', '">'] },
        ...{ stringHint: "yes", close: "</slot>", lines: false },
      },
    },
  ],
  [
    "the key in the last mark",
    (calls) =>
      calls.map(({ function: call }) =>
        `<do name="${call.name}">${
          Object.entries(call.arguments).map(([key, value]) => `<:${key}>${value}</:${key}>`).join(
            "",
          )
        }</do>`
      ).join(""),
    {
      ...{ opens: ['<do name="'], closes: ["</do>"], before: '<do name="' },
      lead: '<do name="',
      form: {
        ...{ kind: "tagged", nameEnd: '">', key: "<:", keyEnds: [">"], close: "</:" },
        ...{ keyInClose: ">", lines: false },
      },
    },
  ],
  [
    "Python",
    (calls) =>
      `<|on|>[${
        calls.map(({ function: call }) =>
          `${call.name}(${
            Object.entries(call.arguments).map(([key, value]) => `${key}=${json(value)}`).join(", ")
          })`
        ).join(", ")
      }]<|off|>`,
    {
      ...{ opens: ["<|on|>"], closes: ["<|off|>"], before: "" },
      lead: "<|on|>[",
      form: { kind: "literal", open: "(", separator: "=", quote: "" },
    },
  ],
  [
    "strings in marks",
    (calls) =>
      calls.map(({ function: call }) =>
        `<|deed>do:${call.name}{${
          Object.entries(call.arguments).map(([key, value]) =>
            `${key}:${typeof value === "string" ? `<'>${value}<'>` : value}`
          ).join(",")
        }}<deed|>`
      ).join(""),
    {
      ...{ opens: ["<|deed>do:"], closes: ["<deed|>"], before: "<|deed>do:" },
      lead: "<|deed>do:",
      form: { kind: "literal", open: "{", separator: ":", quote: "<'>" },
    },
  ],
];

for (const [name, write, expected] of CALLS) {
  Deno.test(`a template's calls are found: ${name}`, () => {
    assert.deepEqual(callsIn(write), expected);
  });
}

/** Thoughts as templates write them: what they are, a template, what is found. */
const THOUGHTS: readonly [string, Writer, Pick<Syntax, "thought" | "content">][] = [
  ["in a turn of the past", {
    answer: (turn) =>
      (turn.reasoning_content ? `<muse>\n${turn.reasoning_content}\n</muse>\n\n` : "") +
      textOf(turn),
  }, { thought: { opens: ["<muse>"], closes: ["</muse>"] } }],
  ["in the last turn, after a prompt that opens them", {
    answer: (turn, isLast) =>
      (isLast ? `(muse)\n${turn.reasoning_content ?? ""}\n(done)\n\n` : "") + textOf(turn),
    prompt: (thinks) => thinks ? "(muse)\n" : "(muse)\n\n(done)\n\n",
  }, { thought: { opens: ["(muse)"], closes: ["(done)"] } }],
  ["as a part of the content", {
    answer: ({ content }) =>
      Array.isArray(content)
        ? content.map((part) => part.type === "thinking" ? `[M]${part.thinking}[/M]` : part.text)
          .join("")
        : String(content),
  }, { thought: { opens: ["[M]"], closes: ["[/M]"] } }],
  ["opened by the prompt, never written", {
    answer: textOf,
    prompt: () => "<muse>\n",
  }, { thought: { opens: ["<muse>"], closes: ["</muse>"] } }],
  ["closed by the prompt where they are off", {
    answer: (turn) => `<muse></muse>${textOf(turn)}`,
    prompt: (thinks) => thinks ? "<muse>" : "<muse></muse>",
  }, { thought: { opens: ["<muse>"], closes: ["</muse>"] } }],
  ["ended by a mark alone", {
    answer: (turn) =>
      (turn.reasoning_content ? `${turn.reasoning_content}\n[ANSWER]\n` : "") + textOf(turn),
    prompt: () => "My thoughts:\n",
  }, { thought: { opens: ["My thoughts:"], closes: ["[ANSWER]"] } }],
  ["before text in marks", {
    answer: (turn) =>
      (turn.reasoning_content ? `<|START_M|>${turn.reasoning_content}<|END_M|>` : "") +
      `<|START_A|>${textOf(turn)}<|END_A|>`,
  }, {
    thought: { opens: ["<|START_M|>"], closes: ["<|END_M|>"] },
    content: { open: "<|START_A|>", close: "<|END_A|>" },
  }],
  ["nowhere", { answer: textOf }, {
    thought: { opens: ["<think>"], closes: ["</think>"], isGuess: true },
  }],
];

for (const [name, writer, expected] of THOUGHTS) {
  Deno.test(`a template's thoughts are found: ${name}`, () => {
    const { thought, content } = findSyntax(template(writer));
    assert.deepEqual({ thought, ...(content ? { content } : {}) }, expected);
  });
}

Deno.test("texts of tokens tell where a mark begins", () => {
  const mark = "]~[";
  const answer = (turn: Turn) =>
    textOf(turn) +
    callsOf(turn).map(({ function: call }) =>
      `${mark}<do name="${call.name}">${
        Object.entries(call.arguments).map(([key, value]) =>
          `${mark}<${key}>${value}${mark}</${key}>`
        ).join("")
      }${mark}</do>`
    ).join("");
  const { calls } = findSyntax(template({ answer }), [mark]);
  assert.deepEqual(calls, {
    ...{ opens: [`${mark}<do name="`], closes: [`${mark}</do>`], before: `${mark}<do name="` },
    lead: `${mark}<do name="`,
    form: {
      ...{ kind: "tagged", nameEnd: '">', key: `${mark}<`, keyEnds: [">"], close: `${mark}</` },
      ...{ keyInClose: ">", lines: false },
    },
  });
});

Deno.test("a thought's end is shorter where no text follows, but not where a mark ends its name", () => {
  const closesOf = (open: string, close: string, specials: readonly string[]) => {
    const answer = (turn: Turn) =>
      (turn.reasoning_content ? `${open}${turn.reasoning_content}${close}` : "") + textOf(turn);
    return findSyntax(template({ answer }), specials).thought?.closes;
  };
  const text = ["<|muse|>", "<|end|>", "<|text|>"];
  assert.deepEqual(closesOf("<|muse|>", "<|end|><|text|>", text), ["<|end|><|text|>", "<|end|>"]);
  const named = ["<|open|>", "<|close|>", "<|sep|>"];
  assert.deepEqual(closesOf("<|open|>muse<|sep|>", "<|close|>muse<|sep|>", named), [
    "<|close|>muse<|sep|>",
  ]);
});

Deno.test("a template that throws, or writes no calls, has the usual syntax", () => {
  const usual = findSyntax(() => {
    throw new Error("no");
  });
  assert.deepEqual(usual.thought, { opens: ["<think>"], closes: ["</think>"], isGuess: true });
  assert.deepEqual(usual.calls?.opens, ["<tool_call>"]);
  assert.deepEqual(findSyntax(template({ answer: textOf })).calls, usual.calls);
  assert.deepEqual(usual.marks, ["<think>", "</think>", "<tool_call>", "</tool_call>"]);
});

Deno.test("a template is rendered a few times only", () => {
  let count = 0;
  const render = template({ answer: textOf });
  findSyntax((...given) => {
    count++;
    return render(...given);
  });
  assert.ok(count > 0 && count <= 48, `${count} times`);
});
