import assert from "node:assert/strict";
import { type CallSyntax, type Syntax, withMarks } from "../../chat/syntax.ts";
import { AnswerReader, type Part, type ReaderOptions } from "./reader.ts";

const THINK = { opens: ["<think>"], closes: ["</think>"] };
const JSON_FORM = { kind: "json", names: ["name"], arguments: ["arguments"] } as const;
const HERMES: CallSyntax = {
  ...{ opens: ["<tool_call>"], closes: ["</tool_call>"], before: "", form: JSON_FORM },
};
const UNMARKED: CallSyntax = {
  ...{ opens: [], closes: [], before: "" },
  form: { kind: "json", names: ["name"], arguments: ["parameters"] },
};
const LIST: CallSyntax = {
  ...{ opens: ["[CALLS]"], closes: [], before: "", form: JSON_FORM },
};
const KEYED: CallSyntax = {
  ...{ opens: ["<|calls|>"], closes: ["<|/calls|>"], before: "" },
  form: { kind: "json", names: [], arguments: [] },
};
const NAMED: CallSyntax = {
  ...{ opens: ["[CALLS]"], closes: [], before: "[CALLS]" },
  form: { kind: "named", end: "[ARGS]", id: "[ID]" },
};
const COUNTED: CallSyntax = {
  ...{ opens: ["<|calls|>", "<|call|>"], closes: ["<|/call|>", "<|/calls|>"], before: "<|call|>" },
  form: { kind: "named", end: "<|args|>", id: ":" },
};
const FENCED: CallSyntax = {
  ...{ opens: ["<calls>", "<call>function<sep>"], closes: ["```", "</call>", "</calls>"] },
  ...{ before: "<call>function<sep>", form: { kind: "named", end: "```json" } },
};
const IDENTIFIED: CallSyntax = {
  ...{ opens: ["<|call|>"], closes: ["<|/call|>"], before: "<|call|>" },
  form: { kind: "named", end: "<|args|>", nameMark: "<|name|>" },
};
const TAGGED: CallSyntax = {
  opens: ["<tool_call>", "<function="],
  closes: ["</function>", "</tool_call>"],
  before: "<function=",
  form: {
    ...{ kind: "tagged", nameEnd: ">", key: "<parameter=", keyEnds: [">"] },
    ...{ close: "</parameter>", lines: true },
  },
};
const KEY_VALUE: CallSyntax = {
  ...{ opens: ["<tool_call>"], closes: ["</tool_call>"], before: "<tool_call>" },
  form: {
    ...{ kind: "tagged", nameEnd: "", key: "<arg_key>", keyEnds: ["</arg_key>", "<arg_value>"] },
    ...{ close: "</arg_value>", lines: false },
  },
};
const HINTED: CallSyntax = {
  opens: ["<|calls|>", '<|invoke name="'],
  closes: ["</|invoke>", "</|calls|>"],
  before: '<|invoke name="',
  form: {
    ...{ kind: "tagged", nameEnd: '">', key: '<|parameter name="' },
    ...{ keyEnds: ['" string="', '">'], stringHint: "true", close: "</|parameter>", lines: false },
  },
};
const ELEMENTS: CallSyntax = {
  ...{ opens: ['<~invoke name="'], closes: ["<~/invoke>"], before: '<~invoke name="' },
  form: {
    ...{ kind: "tagged", nameEnd: '">', key: "<~<", keyEnds: [">"], close: "<~</" },
    ...{ keyInClose: ">", lines: false },
  },
};
const PYTHON: CallSyntax = {
  ...{ opens: ["<|calls|>"], closes: ["<|/calls|>"], before: "" },
  form: { kind: "literal", open: "(", separator: "=", quote: "" },
};
const QUOTED: CallSyntax = {
  ...{ opens: ["<|call>call:"], closes: ["<call|>"], before: "<|call>call:" },
  form: { kind: "literal", open: "{", separator: ":", quote: '<|"|>' },
};
const CHANNELS: Syntax = withMarks({
  messages: {
    ...{ start: "<|start|>", body: "<|message|>", channel: "<|channel|>", recipient: "to=" },
    ...{ ends: ["<|end|>", "<|call|>"], thoughts: ["analysis"], texts: ["final", "commentary"] },
    headers: {
      ...{ role: "assistant", thought: "<|channel|>analysis", text: "<|channel|>final" },
      call: ["<|channel|>commentary to=functions.", ""],
    },
  },
  ends: [],
});

const TOOLS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["weather", { type: "object", properties: { city: { type: "string" } } }],
  ["count", {
    type: "object",
    properties: {
      n: { type: "integer" },
      note: { type: ["string", "null"] },
      list: { type: "array", items: { type: "number" } },
      where: { type: "object", properties: { x: { type: "number" } } },
    },
  }],
  ["mcp://files/read all:now", { type: "object" }],
  ["bare", undefined],
]);

const OPTIONS: ReaderOptions = {
  ...{ tools: TOOLS, promptEnd: "", isSingle: false, splitsThoughts: true },
};

/** Text that answers, thought and calls. */
type Read = { text?: string; reasoning?: string; calls?: [string, string][] };

function collected(parts: readonly Part[]): Read {
  const calls: [string, string][] = [];
  let [text, reasoning] = ["", ""];
  for (const part of parts) {
    if (part.kind === "text") text += part.text;
    else if (part.kind === "reasoning") reasoning += part.text;
    else if (part.kind === "call") calls[part.index] = [part.name, ""];
    else if (part.kind === "arguments") calls[part.index]![1] += part.text;
  }
  return {
    ...(text === "" ? {} : { text }),
    ...(reasoning === "" ? {} : { reasoning }),
    ...(calls.length === 0 ? {} : { calls }),
  };
}

function syntaxOf(calls?: CallSyntax, thought = THINK): Syntax {
  return withMarks({ thought, ends: [], ...(calls ? { calls } : {}) });
}

type ReadOptions = Partial<ReaderOptions> & { isCut?: boolean; cutsAll?: boolean };

/** Reads a text whole; it has to be read alike however it is cut. */
function read(
  syntax: Syntax,
  text: string,
  { isCut = false, cutsAll = true, ...options }: ReadOptions = {},
): Read {
  const readPieces = (pieces: readonly string[]) => {
    const reader = new AnswerReader(syntax, { ...OPTIONS, ...options });
    const promptEnd = options.promptEnd ?? "";
    let places = "";
    const placed = (parts: Part[]) => {
      for (const { from, to } of reader.spans) {
        const start = promptEnd.length;
        places += `${promptEnd}${text}`.slice(start + from, start + to);
      }
      return parts;
    };
    const parts = pieces.flatMap((piece) => placed(reader.push(piece)));
    const result = collected([...parts, ...placed(reader.end(isCut))]);
    assert.equal(places, result.text ?? "", "where the text stood");
    return result;
  };
  const whole = readPieces([text]);
  const characters = [...text];
  assert.deepEqual(readPieces(characters), whole, "one by one");
  for (let at = 1; at < characters.length && cutsAll; at++) {
    const pieces = [characters.slice(0, at).join(""), characters.slice(at).join("")];
    assert.deepEqual(readPieces(pieces), whole, `cut at ${at}`);
  }
  return whole;
}

const PARIS: [string, string] = ["weather", '{"city": "Paris"}'];

/** Calls in each syntax: syntax, text, calls. */
const WRITTEN: readonly [string, CallSyntax, string, [string, string][]][] = [
  [
    "JSON",
    HERMES,
    '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>',
    [
      PARIS,
    ],
  ],
  [
    "JSON, two",
    HERMES,
    '<tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>\n' +
    '<tool_call>\n{"name":"bare","arguments":{}}</tool_call>',
    [PARIS, ["bare", "{}"]],
  ],
  [
    "JSON without the last mark",
    HERMES,
    '<tool_call>{"name":"bare","arguments":{"a":[1,{"b":2}]}}',
    [
      ["bare", '{"a":[1,{"b":2}]}'],
    ],
  ],
  ["JSON with parameters first", HERMES, '<tool_call>{"parameters": {"a" : 1.0}, "name": "bare"}', [
    ["bare", '{"a" : 1.0}'],
  ]],
  ["JSON without arguments", HERMES, '<tool_call>{"name": "bare"}</tool_call>', [["bare", "{}"]]],
  [
    "JSON in a string",
    HERMES,
    '<tool_call>{"name":"bare","arguments":"{\\"a\\": \\"x\\\\n\\u00e9\\"}"}',
    [
      ["bare", '{"a": "x\\né"}'],
    ],
  ],
  [
    "JSON as OpenAI wraps it",
    HERMES,
    '<tool_call>{"type":"function","function":{"name":"bare",' +
    '"arguments":{"a":1}}}</tool_call>',
    [["bare", '{"a":1}']],
  ],
  [
    "JSON in a fence",
    HERMES,
    '<tool_call>\n```json\n{"name":"bare","arguments":{}}\n```\n</tool_call>',
    [
      ["bare", "{}"],
    ],
  ],
  [
    "JSON without a mark",
    UNMARKED,
    '{"name": "weather", "parameters": {"city": "Paris"}}; {"name": "bare", "parameters": {}}',
    [PARIS, ["bare", "{}"]],
  ],
  [
    "a list",
    LIST,
    '[CALLS][{"name": "weather", "arguments": {"city": "Paris"}, "id": "a1"}, ' +
    '{"name": "bare", "arguments": {}}]',
    [PARIS, ["bare", "{}"]],
  ],
  ["the name as key", KEYED, '<|calls|>[{"weather": {"city": "Paris"}}, {"bare": {}}]<|/calls|>', [
    PARIS,
    ["bare", "{}"],
  ]],
  ["a name, then JSON", NAMED, '[CALLS]weather[ARGS]{"city": "Paris"}[CALLS]bare[ID]x7[ARGS]{}', [
    PARIS,
    ["bare", "{}"],
  ]],
  [
    "a name with a number",
    COUNTED,
    '<|calls|><|call|>functions.weather:0<|args|>{"city": "Paris"}' +
    "<|/call|><|call|>functions.bare:1<|args|>{}<|/call|><|/calls|>",
    [PARIS, ["bare", "{}"]],
  ],
  ["a name without the section", COUNTED, '<|call|>weather:0<|args|>{"city": "Paris"}', [PARIS]],
  ["an odd name", COUNTED, '<|call|>mcp://files/read all:now<|args|>{"a":1}<|/call|>', [
    ["mcp://files/read all:now", '{"a":1}'],
  ]],
  [
    "an id, then a name",
    IDENTIFIED,
    '<|call|>a7<|name|>weather<|args|>{"city": "Paris"}<|/call|>',
    [
      PARIS,
    ],
  ],
  [
    "JSON in a fence after a name",
    FENCED,
    "<calls><call>function<sep>weather\n```json\n" +
    '{"city": "Paris"}\n```</call>\n<call>function<sep>bare\n```json\n{}```</call></calls>',
    [
      PARIS,
      ["bare", "{}"],
    ],
  ],
  [
    "marks around arguments",
    TAGGED,
    "<tool_call>\n<function=weather>\n<parameter=city>\nParis\n" +
    "</parameter>\n</function>\n</tool_call>",
    [PARIS],
  ],
  [
    "marks without the outer one",
    TAGGED,
    "<function=weather>\n<parameter=city>Paris</parameter>\n" +
    "</function>",
    [PARIS],
  ],
  [
    "values by their schema",
    TAGGED,
    "<tool_call><function=count><parameter=n>\n1234567890123456789\n" +
    "</parameter><parameter=note>\n12\n</parameter><parameter=list>\n[1, 2.50]\n</parameter>" +
    "</function></tool_call>",
    [
      ["count", '{"n": 1234567890123456789, "note": "12", "list": [1, 2.50]}'],
    ],
  ],
  [
    "null, words and what is no JSON",
    TAGGED,
    "<function=count><parameter=note>\nnull\n</parameter>" +
    "<parameter=n>\nTrue\n</parameter><parameter=where>\n{x: 1}\n</parameter></function>",
    [
      ["count", '{"note": null, "n": true, "where": "{x: 1}"}'],
    ],
  ],
  [
    "values without a schema",
    TAGGED,
    "<function=bare><parameter=a>\n1e400\n</parameter>" +
    "<parameter=b>\nx y\n</parameter></function>",
    [["bare", '{"a": 1e400, "b": "x y"}']],
  ],
  [
    "marks in a value",
    TAGGED,
    '<function=weather><parameter=city>\n</function> "</tool_call>\n\\\n' +
    "</parameter></function>",
    [["weather", '{"city": "</function> \\"</tool_call>\\n\\\\"}']],
  ],
  [
    "marks of keys and values",
    KEY_VALUE,
    "<tool_call>weather\n<arg_key>city</arg_key>\n" +
    "<arg_value>Paris</arg_value>\n</tool_call>\n<tool_call>bare</tool_call>",
    [PARIS, ["bare", "{}"]],
  ],
  [
    "a hint of strings",
    HINTED,
    '<|calls|>\n<|invoke name="bare">\n<|parameter name="a" string="true">1' +
    '</|parameter>\n<|parameter name="b" string="false">2</|parameter>\n</|invoke>\n</|calls|>',
    [
      ["bare", '{"a": "1", "b": 2}'],
    ],
  ],
  [
    "elements in elements",
    ELEMENTS,
    '<~invoke name="count"><~<list><~<item>1<~</item><~<item>2<~</item>' +
    "<~</list><~<where><~<x>1.50<~</x><~</where><~/invoke>",
    [
      ["count", '{"list": [1, 2], "where": {"x": 1.50}}'],
    ],
  ],
  [
    "Python",
    PYTHON,
    "<|calls|>[weather(city=\"Paris\"), bare(a=[1, (2, True)], b={'k': None}, c=-1.0)]" +
    "<|/calls|>",
    [PARIS, ["bare", '{"a": [1, [2, true]], "b": {"k": null}, "c": -1.0}']],
  ],
  ["Python's strings", PYTHON, "<|calls|>[weather(city='a\\'b\\n\"\\x41\\u00e9')]<|/calls|>", [
    ["weather", '{"city": "a\'b\\n\\"Aé"}'],
  ]],
  [
    "strings in marks",
    QUOTED,
    '<|call>call:weather{city:<|"|>Pa"ris,}<|"|>}<call|>' +
    "<|call>call:count{n:7,list:[1,2],where:{x:1.50}}<call|>",
    [
      ["weather", '{"city": "Pa\\"ris,}"}'],
      ["count", '{"n": 7, "list": [1, 2], "where": {"x": 1.50}}'],
    ],
  ],
];

for (const [name, calls, text, expected] of WRITTEN) {
  Deno.test(`calls are read: ${name}`, () => {
    const syntax = syntaxOf(calls);
    assert.deepEqual(read(syntax, text), { calls: expected });
    assert.deepEqual(read(syntax, `Well,\nI look.\n${text}`), {
      text: "Well,\nI look.",
      calls: expected,
    });
    assert.deepEqual(read(syntax, `<think>\nHm.\n</think>\n\n${text}`), {
      reasoning: "Hm.",
      calls: expected,
    });
    assert.deepEqual(read(syntax, text, { isSingle: true }), { calls: expected.slice(0, 1) });
    // Without functions nothing is a call.
    assert.deepEqual(read(syntax, text, { tools: new Map() }), { text });
  });

  Deno.test(`a call that is cut off is given as far as it came: ${name}`, () => {
    const syntax = syntaxOf(calls);
    for (let end = 0; end < text.length; end++) {
      const options = { isCut: true, cutsAll: false };
      const { calls: found = [], ...rest } = read(syntax, text.slice(0, end), options);
      assert.deepEqual(rest, {}, text.slice(0, end));
      for (const [index, [name, given]] of found.entries()) {
        assert.equal(name, expected[index]![0]);
        assert.ok(expected[index]![1].startsWith(given), `${given} after ${text.slice(0, end)}`);
      }
    }
  });
}

/** Calls of a function that was not offered: syntax, text, half a call. */
const OTHERS: readonly [Syntax, string][] = [
  [syntaxOf(HERMES), '<tool_call>{"name": "other", "arguments": {"a": "</x>"}}</tool_call>'],
  [syntaxOf(LIST), '[CALLS][{"name": "other", "arguments": {}}]'],
  [syntaxOf(KEYED), '<|calls|>[{"other": {"name": "x"}}]<|/calls|>'],
  [syntaxOf(NAMED), '[CALLS]other[ARGS]{"a": 1}'],
  [syntaxOf(COUNTED), '<|calls|><|call|>functions.other:0<|args|>{"a": 1}<|/call|><|/calls|>'],
  [syntaxOf(FENCED), '<calls><call>function<sep>other\n```json\n{"a": 1}\n```</call></calls>'],
  [syntaxOf(IDENTIFIED), "<|call|>a7<|name|>other<|args|>{}<|/call|>"],
  [
    syntaxOf(TAGGED),
    "<tool_call>\n<function=other>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
  ],
  [
    syntaxOf(KEY_VALUE),
    "<tool_call>other\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
  ],
  [syntaxOf(PYTHON), "<|calls|>[other(a=1)]<|/calls|>"],
  [syntaxOf(QUOTED), '<|call>call:other{a:<|"|>x<|"|>}<call|>'],
];

Deno.test("a call of a function that was not offered is left out with its marks, whole or cut", () => {
  for (const [syntax, text] of OTHERS) {
    assert.deepEqual(read(syntax, text), {}, text);
    assert.deepEqual(read(syntax, `So: ${text}\nYes`), { text: "So: Yes" }, text);
    for (let end = 1; end < text.length; end++) {
      const cut = `So: ${text.slice(0, end)}`;
      const { text: shown = "", ...rest } = read(syntax, cut, { isCut: true, cutsAll: false });
      assert.deepEqual([shown.trim(), rest], ["So:", {}], cut);
      // A model that ends there has written no call, or one that is left out as far as it came.
      const ended = read(syntax, cut, { cutsAll: false });
      assert.ok(ended.text === cut || /^So:[^1{]*$/.test(ended.text ?? ""), ended.text);
    }
  }
});

Deno.test("calls of functions that were offered count beside others", () => {
  const call = (name: string) => `<tool_call>{"name": "${name}", "arguments": {}}</tool_call>`;
  const expected = { calls: [["bare", "{}"]] };
  for (const isSingle of [true, false]) {
    const options = { isSingle };
    assert.deepEqual(read(syntaxOf(HERMES), call("other") + call("bare"), options), expected);
    assert.deepEqual(read(syntaxOf(HERMES), call("bare") + call("other"), options), expected);
  }
  // In a thought, it is text.
  assert.deepEqual(read(syntaxOf(HERMES), `<think>${call("other")}`), { reasoning: call("other") });
});

Deno.test("a line with a name and JSON after it is a call, also of a function that was not offered", () => {
  const syntax = withMarks({
    messages: {
      ...{ start: ">>>", body: "\n", channel: "", recipient: "", ends: [] },
      ...{ thoughts: [], texts: ["all"] },
      headers: { role: "", text: "all", call: ["", ""] },
    },
    ends: [],
  });
  const promptEnd = "assistant\n>>>";
  assert.deepEqual(read(syntax, 'other\n{"a": 1}', { promptEnd }), {});
  assert.deepEqual(read(syntax, 'all\nHi\n>>>other\n{"a": 1}>>>bare\n{}', { promptEnd }), {
    text: "Hi\n",
    calls: [["bare", "{}"]],
  });
  assert.deepEqual(read(syntax, "all\n>>> f(1)\n2", { promptEnd }), { text: ">>> f(1)\n2" });
});

Deno.test("white space before a mark is left out, also where the mark is cut off", () => {
  const content = withMarks({ content: { open: "<a>", close: "</a>" }, ends: [] });
  const cases: [Syntax, string, string, Read][] = [
    [syntaxOf(), "<think>\nHm.\n\n", "</think>", { reasoning: "Hm." }],
    [CHANNELS, "<|channel|>analysis<|message|>Hm.\n", "<|end|>", { reasoning: "Hm." }],
    [syntaxOf(HERMES), "Yes\n", '<tool_call>\n{"name": "bare"', { text: "Yes" }],
    [content, "<a>\nYes\n", "</a>", { text: "Yes" }],
  ];
  for (const [syntax, text, mark, expected] of cases) {
    for (let end = 1; end < mark.length; end++) {
      const cut = text + mark.slice(0, end);
      assert.deepEqual(read(syntax, cut, { isCut: true }), expected, cut);
    }
  }
  const thoughts = ["<think>Hm.\n", "<think>Hm.\n</think>"];
  for (const isCut of [true, false]) {
    for (const text of thoughts) {
      assert.deepEqual(read(syntaxOf(), text, { isCut }), { reasoning: "Hm." });
    }
  }
  assert.deepEqual(read(syntaxOf(HERMES), "Yes\n", { isCut: true }), { text: "Yes\n" });
});

Deno.test("arguments stream as they grow, to the letter", () => {
  const reader = new AnswerReader(syntaxOf(HERMES), OPTIONS);
  const seen = (piece: string) => reader.push(piece);
  assert.deepEqual(seen('<tool_call>{"name": "bare"'), [{ kind: "call", index: 0, name: "bare" }]);
  assert.deepEqual(seen(', "arguments": {"id": 12345678901'), [
    { kind: "arguments", index: 0, text: '{"id": 12345678901' },
  ]);
  assert.equal(reader.state, "call");
  assert.deepEqual(seen('23456789, "z":1.0,  "a": 1e400}'), [
    { kind: "arguments", index: 0, text: '23456789, "z":1.0,  "a": 1e400}' },
  ]);
  assert.deepEqual(seen("}</tool_call>"), []);
  assert.equal(reader.isOver, false);
  assert.deepEqual(seen("And"), []);
  assert.equal(reader.isOver, true);
});

Deno.test("strings between marks stream as they grow", () => {
  const reader = new AnswerReader(syntaxOf(TAGGED), OPTIONS);
  reader.push("<function=weather><parameter=city>\nNew");
  assert.deepEqual(reader.push(" York\n"), [{ kind: "arguments", index: 0, text: " York" }]);
  assert.deepEqual(reader.push("City"), [{ kind: "arguments", index: 0, text: "\\nCity" }]);
});

Deno.test("only what may become a mark is held back", () => {
  const reader = new AnswerReader(syntaxOf(HERMES), OPTIONS);
  assert.deepEqual(reader.push("a < b <tool"), [{ kind: "text", text: "a < b" }]);
  assert.deepEqual(reader.push("s"), [{ kind: "text", text: " <tools" }]);
  assert.deepEqual(reader.push("\n"), []);
  assert.deepEqual(reader.push("."), [{ kind: "text", text: "\n." }]);
});

/** Answers without calls: syntax, text, what is read, options. */
const ANSWERS: readonly [
  string,
  Syntax,
  string,
  Read,
  ReadOptions?,
][] = [
  ["text", syntaxOf(HERMES), " Hello\n\nyou \n", { text: " Hello\n\nyou \n" }],
  ["a thought", syntaxOf(), "<think>\nHm.\n\nSo.\n</think>\n\nYes.\n", {
    reasoning: "Hm.\n\nSo.",
    text: "Yes.\n",
  }],
  ["a thought that the prompt opened", syntaxOf(), "Hm.\n</think>\nYes", {
    reasoning: "Hm.",
    text: "Yes",
  }, { promptEnd: "assistant\n<think>\n" }],
  ["a thought that the prompt closed", syntaxOf(), "Yes", { text: "Yes" }, {
    promptEnd: "<think>\n\n</think>\n\n",
  }],
  ["a thought that the prompt began", syntaxOf(), " more</think>Yes", {
    reasoning: " more",
    text: "Yes",
  }, { promptEnd: "<think>\nSome" }],
  ["an empty thought", syntaxOf(), "<think>\n\n</think>\n\nYes", { text: "Yes" }],
  ["only the end of a thought", syntaxOf(), "</think>\nYes", { text: "Yes" }],
  ["a thought without an end", syntaxOf(), "<think>Hm. <thin", { reasoning: "Hm. <thin" }],
  ["a thought that is cut off", syntaxOf(), "<think>Hm.</thi", { reasoning: "Hm." }, {
    isCut: true,
  }],
  ["thoughts that are text", syntaxOf(), "<think>\nHm.\n</think>\n\nYes", {
    text: "<think>\nHm.\n</think>\n\nYes",
  }, { splitsThoughts: false }],
  ["thoughts of the prompt that are text", syntaxOf(), "Hm.\n</think>\nYes", {
    text: "<think>\nHm.\n</think>\nYes",
  }, { promptEnd: "assistant\n<think>\n", splitsThoughts: false }],
  ["marks in the middle", syntaxOf(), "Write <think> and </think>.", {
    text: "Write <think> and </think>.",
  }],
  [
    "only an end of a thought is known",
    syntaxOf(undefined, { opens: [], closes: ["[ANSWER]"] }),
    "[ANSWER]\nYes",
    {
      text: "Yes",
    },
  ],
  [
    "a call in a thought with more after it",
    syntaxOf(HERMES),
    '<think>I could write <tool_call>\n{"name": ' +
    '"bare", "arguments": {}}\n</tool_call>, but no.</think>No.',
    {
      reasoning:
        'I could write <tool_call>\n{"name": "bare", "arguments": {}}\n</tool_call>, but no.',
      text: "No.",
    },
  ],
  [
    "a call in a thought before its end",
    syntaxOf(HERMES),
    '<think><tool_call>{"name": "bare", "arguments": ' +
    "{}}</tool_call></think>No.",
    {
      reasoning: '<tool_call>{"name": "bare", "arguments": {}}</tool_call>',
      text: "No.",
    },
  ],
  [
    "a call at the end of a thought",
    syntaxOf(HERMES),
    '<think>Look.\n<tool_call>{"name": "bare", "arguments": ' +
    "{}}</tool_call>\n",
    { reasoning: "Look.", calls: [["bare", "{}"]] },
  ],
  [
    "half a call in a thought",
    syntaxOf(HERMES),
    '<think>Look. <tool_call>{"name": "bare", "argum',
    {
      reasoning: 'Look. <tool_call>{"name": "bare", "argum',
    },
  ],
  [
    "a mark in a code fence",
    syntaxOf(HERMES),
    'So:\n```\n<tool_call>{"name": "bare"}</tool_call>\n```\nDone.',
    {
      text: 'So:\n```\n<tool_call>{"name": "bare"}</tool_call>\n```\nDone.',
    },
  ],
  ["a mark that no call follows", syntaxOf(HERMES), "The mark <tool_call> begins a call.", {
    text: "The mark <tool_call> begins a call.",
  }],
  ["names in marks that no arguments follow", syntaxOf(HERMES), "<tool_call>other</tool_call>", {
    text: "<tool_call>other</tool_call>",
  }],
  [
    "a function that was not offered, where calls have no mark",
    syntaxOf(UNMARKED),
    'x {"name": "other", "parameters": {}}',
    { text: 'x {"name": "other", "parameters": {}}' },
  ],
  ["a link", syntaxOf(PYTHON), "[weather report](url) and [1]", {
    text: "[weather report](url) and [1]",
  }],
  ["a bare call", syntaxOf(TAGGED), '{"name": "weather", "parameters": {"city": "Paris"}}', {
    calls: [PARIS],
  }],
  [
    "bare calls in a fence",
    syntaxOf(HERMES),
    '```json\n{"name": "bare", "arguments": {"a": "```"}}\n```',
    {
      calls: [["bare", '{"a": "```"}']],
    },
  ],
  [
    "bare calls with a semicolon",
    syntaxOf(),
    '{"name": "weather", "arguments": {"city": "Paris"}}; ' +
    '{"name": "bare", "arguments": {}}',
    { calls: [PARIS, ["bare", "{}"]] },
  ],
  ["JSON that is no call", syntaxOf(HERMES), '{"name": "Ann", "age": 3}', {
    text: '{"name": "Ann", "age": 3}',
  }],
  ["JSON after text", syntaxOf(HERMES), 'So {"name": "bare", "arguments": {}}', {
    text: 'So {"name": "bare", "arguments": {}}',
  }],
  [
    "JSON after text, where calls have no mark",
    syntaxOf(UNMARKED),
    'So {"a": 1}, f() { }, {{"name": "Ann"}} and {"name": "bare", "parameters": {}}',
    {
      text: 'So {"a": 1}, f() { }, {{"name": "Ann"}} and',
      calls: [["bare", "{}"]],
    },
  ],
  [
    "JSON in a fence after text, where calls have no mark",
    syntaxOf(UNMARKED),
    'So:\n```json\n{"name": "bare", "parameters": {}}\n```',
    {
      text: 'So:\n```json\n{"name": "bare", "parameters": {}}\n```',
    },
  ],
  [
    "JSON in a thought, where calls have no mark",
    syntaxOf(UNMARKED),
    '<think>So {"name": "bare", "parameters": {}}',
    {
      reasoning: 'So {"name": "bare", "parameters": {}}',
    },
  ],
  [
    "half of JSON, where calls have marks",
    syntaxOf(HERMES),
    '{"na',
    { text: '{"na' },
    { isCut: true },
  ],
  [
    "text in marks",
    withMarks({ thought: THINK, content: { open: "<a>", close: "</a>" }, ends: [] }),
    "<think>Hm.</think>\n<a>\nYes, <b>\n</a>\n",
    {
      reasoning: "Hm.",
      text: "Yes, <b>",
    },
  ],
  [
    "text up to its end",
    withMarks({ ends: ["<|close|>message<|sep|>"] }),
    "Yes\n<|close|>message<|sep|>",
    {
      text: "Yes",
    },
  ],
  ["half an end", withMarks({ ends: ["<|close|>message<|sep|>"] }), "Yes<|close|>mes", {
    text: "Yes",
  }, {
    isCut: true,
  }],
  [
    "channels",
    CHANNELS,
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final" +
    "<|message|>Yes",
    { reasoning: "Hm.", text: "Yes" },
  ],
  [
    "a call in a channel",
    CHANNELS,
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>" +
    'commentary to=functions.weather json<|message|>{"city": "Paris"}<|call|>',
    {
      reasoning: "Hm.",
      calls: [PARIS],
    },
  ],
  [
    "a call of an unknown function in a channel",
    CHANNELS,
    "<|channel|>commentary to=browser.open<|message|>" +
    '{"id": 1}<|call|>',
    {},
  ],
  [
    "a channel of the prompt",
    CHANNELS,
    " more<|end|><|start|>assistant<|channel|>final<|message|>Yes",
    {
      reasoning: " more",
      text: "Yes",
    },
    { promptEnd: "<|start|>assistant<|channel|>analysis<|message|>Some" },
  ],
  [
    "channels that are text",
    CHANNELS,
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>" +
    "final<|message|>Yes",
    { text: "<|channel|>analysis<|message|>Hm.<|end|>Yes" },
    {
      splitsThoughts: false,
    },
  ],
  [
    "several thoughts that are text",
    CHANNELS,
    "<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>commentary<|message|>B<|end|>" +
    "<|start|>assistant<|channel|>analysis<|message|>C<|end|><|start|>assistant<|channel|>final" +
    "<|message|>D",
    {
      text: "<|channel|>analysis<|message|>A<|end|>B<|channel|>analysis<|message|>C<|end|>D",
    },
    { splitsThoughts: false },
  ],
  ["half a header", CHANNELS, "<|channel|>fin", {}, { isCut: true }],
  [
    "marks in a message that a grammar holds",
    CHANNELS,
    '<|channel|>final<|message|>{"a": "<|end|><|start|>"}',
    { text: '{"a": "<|end|><|start|>"}' },
    { isHeld: true },
  ],
];

for (const [name, syntax, text, expected, options] of ANSWERS) {
  Deno.test(`answers are read: ${name}`, () => {
    assert.deepEqual(read(syntax, text, options), expected);
  });
}

Deno.test("a control token that is no mark where it stands is left out", () => {
  const syntax = syntaxOf(HERMES, { opens: ["<|in|>thought"], closes: ["<|out|>"] });
  const reader = new AnswerReader(syntax, OPTIONS);
  const pieces: [string, boolean][] = [
    ...[["<|in|>", true], ["<|in|>", true], ["thought", false], ["\nHm.", false]] as const,
    ...[["<|out|>", true], ["Yes", false], ["<|out|>", true], [" or", false]] as const,
    ...[["<|eos|>", true], [" <|out|> no", false], ["<|in|>", true], [" so", false]] as const,
  ].map(([text, isControl]) => [text, isControl]);
  const parts = pieces.flatMap(([text, isControl]) => reader.push(text, isControl));
  assert.deepEqual(collected([...parts, ...reader.end(false)]), {
    reasoning: "Hm.",
    text: "Yes or <|out|> no so",
  });
});

/** Numbers below a bound, the same in each run. */
function numbers(seed: number): (bound: number) => number {
  let state = seed;
  return (bound) => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return (state >> 8) % bound;
  };
}

/** Syntaxes of the tests above, each once. */
const SYNTAXES = [...new Set(WRITTEN.map(([, calls]) => calls))].map((calls) => syntaxOf(calls));

Deno.test("any text comes to its end and is read alike however it is cut", () => {
  const number = numbers(7);
  for (const syntax of [...SYNTAXES, CHANNELS]) {
    const examples = WRITTEN.filter(([, calls]) => calls === syntax.calls).map(([, , text]) =>
      text
    );
    const bits = [
      ...syntax.marks,
      ...[
        "weather",
        "bare",
        "other",
        "a",
        "=",
        ":",
        ",",
        ";",
        '"',
        "'",
        "\\",
        "\n",
        " ",
        "1",
        "é",
        "😀",
      ],
      ...["{", "}", "[", "]", "(", ")", "<", ">", "```", '{"name": "bare", "arguments": {"a": 1}}'],
    ];
    const pick = <T>(values: readonly T[]) => values[number(values.length)]!;
    for (let run = 0; run < 60; run++) {
      const example = examples.length > 0 && number(2) > 0 ? pick(examples) : "";
      const begun = example.slice(0, number(example.length + 1));
      const text = begun + Array.from({ length: 1 + number(10) }, () => pick(bits)).join("");
      const options = {
        isCut: number(2) > 0,
        isSingle: number(3) === 0,
        splitsThoughts: number(4) > 0,
        cutsAll: run < 10,
      };
      read(syntax, text, options);
    }
  }
});

Deno.test("a bracket that closes nothing is left out", () => {
  assert.deepEqual(read(syntaxOf(PYTHON), "<|calls|>[bare(a=[1)}, 2])]<|/calls|>"), {
    calls: [["bare", '{"a": [1, 2]}']],
  });
});

Deno.test("the work grows as the text does", () => {
  const texts: [CallSyntax, (times: number) => string][] = [
    [HERMES, (times) => "word <tool_call <think ".repeat(times)],
    [HERMES, (times) => "<tool_call>".repeat(times)],
    [HERMES, (times) => `<think>${"so <tool_call>{ </think ".repeat(times)}`],
    [HERMES, (times) => `<tool_call>{"arguments": {"a": "${"<tool_call>{".repeat(times)}`],
    [HERMES, (times) => `<tool_call>{"name": "bare", "arguments": ${'[{"a":'.repeat(times)}`],
    [HERMES, (times) => `{"function": ${'{"function": '.repeat(times)}`],
    [HERMES, (times) => "[".repeat(times)],
    [TAGGED, (times) => `<function=weather><parameter=city>${"</parameter \n".repeat(times)}`],
    [TAGGED, (times) => `<function=bare>${"<parameter=a>1</parameter>".repeat(times)}`],
    [ELEMENTS, (times) => `<~invoke name="bare">${"<~<a>".repeat(times)}`],
    [PYTHON, (times) => `<|calls|>[bare(a=${"[(".repeat(times)}`],
    [QUOTED, (times) => `<|call>call:bare{a:<|"|>${'<|"|'.repeat(times)}`],
  ];
  for (const [calls, text] of texts) {
    for (const size of [1, 1000]) {
      const steps = [1000, 2000].map((times) => {
        const reader = new AnswerReader(syntaxOf(calls), OPTIONS);
        const whole = text(times);
        for (let at = 0; at < whole.length; at += size) reader.push(whole.slice(at, at + size));
        reader.end(true);
        return reader.steps.count;
      });
      assert.ok(steps[0]! >= 1000, `${text(1)}: ${steps[0]} steps`);
      assert.ok(steps[1]! <= 2.5 * steps[0]!, `${text(1)}: ${steps} steps`);
    }
  }
});

/** Where the call begins after each character, as ranges of equal places. */
function callPlaces(text: string, syntax: CallSyntax): string[] {
  const reader = new AnswerReader(withMarks({ thought: THINK, calls: syntax, ends: [] }), {
    tools: new Map([["f", {}], ["g", {}]]),
    ...{ promptEnd: "", isSingle: false, splitsThoughts: true },
  });
  const places: string[] = [];
  for (const [index, char] of text.split("").entries()) {
    reader.push(char);
    const place = reader.callStart;
    const last = places.at(-1)?.split(" ")[1] ?? "none";
    if (String(place ?? "none") !== last) places.push(`${index} ${place ?? "none"}`);
  }
  return places;
}

Deno.test("a call begins with its first mark in a line, or once it names a function", () => {
  const call = '<tool_call>{"name": "f", "arguments": {}}';
  // The mark is whole with its last character, the arguments end with theirs.
  assert.deepEqual(callPlaces(`Hi\n${call}</tool_call>`, HERMES), ["13 3", "43 none"]);
  assert.deepEqual(callPlaces(`Hi ${call}</tool_call>`, HERMES), ["25 3", "43 none"]);
  assert.deepEqual(callPlaces('{"name": "f", "arguments": {}}', HERMES), ["11 0", "29 none"]);
  assert.deepEqual(callPlaces("Hi, <tool_call> is a mark.", HERMES), []);
  assert.deepEqual(callPlaces(`<think>${call}`, HERMES), []);
  assert.deepEqual(callPlaces(`\`\`\`\n${call}`, HERMES), []);
});

Deno.test("each of several calls has its own beginning", () => {
  const call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';
  assert.deepEqual(callPlaces(`${call}\n${call}`, HERMES), [
    ...["10 0", "40 none"],
    // Sure as the first one was.
    ...["64 54", "94 none"],
  ]);
  const list = '[CALLS][{"name": "f", "arguments": {}}, {"name": "g", "arguments": {}}]';
  assert.deepEqual(callPlaces(list, LIST), ["6 0", "37 none", "40 40", "69 none"]);
});

Deno.test("in text that a grammar holds, no mark is one; before it, thoughts and calls are", () => {
  const read = (text: string) => {
    const reader = new AnswerReader(withMarks({ thought: THINK, calls: HERMES, ends: ["</s>"] }), {
      tools: new Map([["f", {}]]),
      ...{ promptEnd: "", isSingle: false, splitsThoughts: true, isHeld: true },
    });
    return [...reader.push(text), ...reader.end(false)];
  };
  const call = '<tool_call>{"name": "f", "arguments": {}}</tool_call>';
  const json = JSON.stringify({ a: `<think>${call}</s>` });
  assert.deepEqual(read(json), [{ kind: "text", text: json }]);
  assert.deepEqual(read(`<think>Hm.</think>${json}`), [
    { kind: "reasoning", text: "Hm." },
    { kind: "text", text: json },
  ]);
  assert.deepEqual(read(call), [
    { kind: "call", index: 0, name: "f" },
    { kind: "arguments", index: 0, text: "{}" },
  ]);
});
