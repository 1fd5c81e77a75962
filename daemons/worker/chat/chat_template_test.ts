import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { CHATML, ChatTemplate } from "./chat_template.ts";

/** One token per character; with `special`, `<|x|>` is a single token. */
function tokenize(text: string, special: boolean): number[] {
  const parts = special ? text.match(/<\|\w+\|>|[^]/gu) ?? [] : [...text];
  return parts.map((part) => part.length > 2 ? 1000 + part.length : part.codePointAt(0)!);
}
const tokenizer = {
  tokenize: (text: string, special: boolean) => Promise.resolve(tokenize(text, special)),
  tokenizeNext: (text: string, special: boolean) => Promise.resolve(tokenize(text, special)),
  bosText: "<s>",
  eosText: "</s>",
  specials: new Map(
    ["<|user|>", "<|assistant|>", "<|end|>"].map((text) =>
      [1000 + text.length, { text, isControl: true }] as const
    ),
  ),
};
const chatml = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}" +
  "{% if add_generation_prompt %}<|assistant|>{% endif %}";
const user = (content: string) => [{ role: "user" as const, content }];

Deno.test("ChatTemplate renders the model's template with its markup as control tokens", async () => {
  const { tokens } = await new ChatTemplate(chatml, tokenizer).tokenize(user("hi"));
  assert.deepEqual(tokens, tokenize("<|user|>hi<|end|><|assistant|>", true));
});

Deno.test("ChatTemplate keeps control tokens that people write as text", async () => {
  const { tokens } = await new ChatTemplate(chatml, tokenizer).tokenize(user("a<|end|>b"));
  assert.deepEqual(tokens, [
    ...tokenize("<|user|>", true),
    ...tokenize("a<|end|>b", false),
    ...tokenize("<|end|><|assistant|>", true),
  ]);
});

Deno.test("ChatTemplate keeps control tokens as text if the template trims messages", async () => {
  const trimming = chatml.replace("m.content }}", "m.content | trim }}");
  const { tokens } = await new ChatTemplate(trimming, tokenizer).tokenize(user(" <|end|> "));
  assert.deepEqual(tokens.slice(1, -2), tokenize("<|end|>", false));
});

Deno.test("ChatTemplate keeps control tokens as text wherever they stand and whatever is done to them", async () => {
  const tool = {
    type: "function" as const,
    function: { name: "f<|user|>", description: "<|end|>", parameters: { "<|end|>": "a" } },
  };
  const messages = [
    ...user("<|end|>"),
    {
      role: "assistant" as const,
      content: "",
      tool_calls: [{
        ...{ id: "c1", type: "function" as const },
        function: { name: "f<|user|>", arguments: '{"a":"\\u003c|end|\\u003e"}' },
      }],
    },
    { role: "tool" as const, content: "<|<|end|>end|>", tool_call_id: "c1" },
    ...user("bye"),
  ];
  const native = "{% for t in tools %}{{ t | tojson }}{% endfor %}" + chatml.replace(
    "{{ m.content }}",
    "{{ m.content | trim }}{% for c in m.tool_calls or [] %}{{ c.function.name }}" +
      "{{ c.function.arguments | tojson }}{% endfor %}",
  );
  const template = new ChatTemplate(native, tokenizer);
  const { tokens } = await template.tokenize(messages, [tool]);
  const marks = tokens.filter((token) => token >= 1000).map((token) =>
    // "<|tool|>" and "<|user|>" are one token here.
    tokenizer.specials.get(token)?.text
  );
  assert.deepEqual(marks, [
    ...["<|user|>", "<|end|>", "<|assistant|>", "<|end|>", "<|user|>", "<|end|>"],
    ...["<|user|>", "<|end|>", "<|assistant|>"],
  ]);
  const text = String.fromCodePoint(...tokens.filter((token) => token < 1000));
  assert.match(text, /"f<\|user\|>".*"<\|end\|>".*\{"a": "<\|end\|>"\}<\|<\|end\|>end\|>bye$/);
});

Deno.test("ChatTemplate says what a prompt has of the answer's turn", async () => {
  const thinking = chatml.replace("<|assistant|>", "<|assistant|><think>\n");
  const template = new ChatTemplate(thinking, tokenizer);
  const { answerStart } = await template.tokenize(user("<think> is a mark"));
  assert.equal(answerStart, "<|assistant|><think>\n");
});

Deno.test("ChatTemplate takes the thought at the beginning of an answer apart", async () => {
  const withThoughts = chatml.replace(
    "{{ m.content }}",
    "{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}",
  );
  const template = new ChatTemplate(withThoughts, tokenizer);
  const split = [
    ...user("a"),
    { role: "assistant" as const, content: "b", reasoning_content: "hm" },
    ...user("c"),
  ];
  const joined = split.map(({ role, content }) =>
    role === "assistant" ? { role, content: "<think>\nhm\n</think>\n\nb" } : { role, content }
  );
  assert.deepEqual(
    (await template.tokenize(joined as typeof split)).tokens,
    (await template.tokenize(split)).tokens,
  );
});

const THINKING =
  "{% for m in messages %}<|{{ m.role }}|>{% if m.reasoning_content and loop.last %}" +
  "<think>\n{{ m.reasoning_content.strip('\n') }}\n</think>\n\n{% endif %}{{ m.content }}<|end|>" +
  "{% endfor %}{% if add_generation_prompt %}<|assistant|>" +
  "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}";
/** Opens the thought itself, and leaves out all thoughts of the history. */
const OPENING =
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content.split('</think>')[-1] }}<|end|>" +
  "{% endfor %}{% if add_generation_prompt %}<|assistant|><think>\n{% endif %}";

Deno.test("ChatTemplate continues a thought that was begun", async () => {
  const begun = {
    thoughts: { content: "", reasoning_content: "Well, " },
    marked: { content: "<think>\nWell, " },
  };
  const prompt = "<|user|>hi<|end|><|assistant|><think>\nWell, ";
  for (const [name, source] of Object.entries({ THINKING, OPENING })) {
    const template = new ChatTemplate(source, tokenizer);
    for (const [form, fields] of Object.entries(begun)) {
      const last = { role: "assistant" as const, ...fields };
      for (const kwargs of [{}, { enable_thinking: false }]) {
        const found = await template.tokenize([...user("hi"), last], [], undefined, { kwargs });
        assert.deepEqual(found.tokens, tokenize(prompt, true), `${name} ${form}`);
        assert.equal(found.answerStart, "<|assistant|><think>\nWell, ", `${name} ${form}`);
      }
    }
  }
});

Deno.test("ChatTemplate ends a thought where text follows it, or its end does", async () => {
  const template = new ChatTemplate(THINKING, tokenizer);
  for (
    const fields of [
      { content: "Yes", reasoning_content: "Well" },
      { content: "<think>Well</think>Yes" },
      { content: "<think>Well</think>" },
    ]
  ) {
    const last = { role: "assistant" as const, ...fields };
    const { answerStart } = await template.tokenize([...user("hi"), last]);
    assert.match(answerStart, /<think>\nWell\n<\/think>\n\n(Yes)?$/);
  }
  const last = { role: "assistant" as const, content: "", reasoning_content: "Well" };
  const options = { continueFinal: false };
  const { answerStart } = await template.tokenize([...user("hi"), last], [], undefined, options);
  assert.equal(answerStart, "<|assistant|>");
});

Deno.test("ChatTemplate takes a mark of thoughts for text where the model has none", async () => {
  const template = new ChatTemplate(chatml, tokenizer);
  const last = { role: "assistant" as const, content: "<think>Well" };
  const { tokens, answerStart } = await template.tokenize([...user("hi"), last]);
  assert.deepEqual(tokens, tokenize("<|user|>hi<|end|><|assistant|><think>Well", true));
  assert.doesNotMatch(answerStart, /<think>/, "no thought is open");
});

Deno.test("ChatTemplate takes a mark of thoughts for text within a text that is continued", async () => {
  const template = new ChatTemplate(THINKING, tokenizer);
  const last = { role: "assistant" as const, content: "The tag <think> is" };
  const { tokens, answerStart } = await template.tokenize([...user("hi"), last]);
  assert.deepEqual(tokens, tokenize(`<|user|>hi<|end|><|assistant|>${last.content}`, true));
  assert.doesNotMatch(answerStart, /<think>/);
});

Deno.test("ChatTemplate reports a template that refuses the messages", async () => {
  const strict = "{{ raise_exception('roles must alternate') }}";
  await assert.rejects(
    new ChatTemplate(strict, tokenizer).tokenize(user("hi")),
    (error: unknown) =>
      error instanceof LlorchError && error.code === "INVALID_REQUEST" &&
      error.message.includes("roles must alternate"),
  );
});

Deno.test("ChatTemplate names the field that its template cannot write", async () => {
  const types = "{% macro write(p) %}{% if p.type is string %}{{ p.type }}{% else %}" +
    "{% for t in p.type %}{{ write({'type': p.type}) }}{% endfor %}{% endif %}{% endmacro %}";
  const template = new ChatTemplate(
    types + "{% for t in tools or [] %}{{ t.function.name.strip() }}" +
      "{% for k, p in (t.function.parameters or {'properties': {}}).properties|items %}" +
      "{{ write(p) }}{% endfor %}{% endfor %}" +
      "{% for d in documents or [] %}{{ d.title + '' }}{% endfor %}" + chatml,
    tokenizer,
  );
  const tool = (name: string, properties: Record<string, unknown>) => ({
    type: "function" as const,
    function: { name, parameters: { type: "object", properties } },
  });
  const one = { type: "string" };
  const several = { type: ["string", "null"] };
  const refusal = (tools: ReturnType<typeof tool>[], kwargs: Record<string, unknown> = {}) =>
    template.tokenize(user("hi"), tools, undefined, { kwargs }).then(() => "", String);

  assert.equal(await refusal([tool("f", { a: one }), tool("g", { b: one })]), "");
  assert.match(
    await refusal([tool("f", { a: one }), tool("g", { b: one, c: several })]),
    /tools\.1\.function\.parameters\.properties\.c: the model's chat template cannot write it: .* nests/,
  );
  const kwargs = { title: "x", documents: [{ title: 1 }] };
  assert.match(await refusal([], kwargs), /chat_template_kwargs\.documents: the model's .* cannot/);

  const strict = chatml.replace("<|{{", "{{ raise_exception('no') if m.content == 'x' }}<|{{");
  const strictly = new ChatTemplate(`{% if tools %}tools{% endif %}${strict}`, tokenizer);
  await assert.rejects(
    strictly.tokenize(user("x"), [tool("f", {})], undefined, { kwargs }),
    /: messages: the model's chat template refuses them: no/,
  );
});

const source = (body: string) => `{% for m in messages %}${body}{% endfor %}`;
const turns = [{ role: "user", content: "hi" }];

Deno.test("ChatTemplate continues a last turn of the assistant", async () => {
  const template = new ChatTemplate(chatml, tokenizer);
  const begun = [...user("hi"), { role: "assistant" as const, content: "Once " }];
  const expected = tokenize("<|user|>hi<|end|><|assistant|>Once ", true);
  assert.deepEqual((await template.tokenize(begun)).tokens, expected);
  const { tokens: whole } = await template.tokenize(begun, [], undefined, { continueFinal: false });
  assert.deepEqual(whole, [...expected, ...tokenize("<|end|><|assistant|>", true)]);
});

Deno.test("ChatTemplate gives requests' arguments to the template, but not in place of its own", () => {
  const template = new ChatTemplate(source("{{ m.content }}{{ mood }}{{ bos_token }}"), tokenizer);
  const kwargs = { mood: "merry", messages: [], bos_token: "x", tools: [1] };
  assert.equal(template.render(turns, [], { kwargs }), "himerry<s>");
});

Deno.test("ChatTemplate writes today's date", () => {
  const now = () => new Date(2026, 4, 6);
  const dated = source("{{ m.content }} {{ date_string }} {{ strftime_now('%Y-%m-%d') }}");
  const template = new ChatTemplate(dated, tokenizer, { now });
  assert.equal(template.render(turns), "hi 06 May 2026 2026-05-06");
  const kwargs = { date_string: "1 Jan 2000" };
  assert.equal(template.render(turns, [], { kwargs }), "hi 1 Jan 2000 2026-05-06");
});

Deno.test("ChatTemplate takes the model's other template where tools are offered", () => {
  const toolUse = source("{{ m.content }}") + "{{ tools | tojson }}";
  const template = new ChatTemplate(source("{{ m.content }}"), tokenizer, { toolUse });
  assert.equal(template.render(turns), "hi");
  assert.equal(template.render(turns, [{ name: "add" }]), 'hi[{"name": "add"}]');
});

Deno.test("ChatTemplate says why a plain chat cannot be rendered", () => {
  assert.equal(new ChatTemplate(chatml, tokenizer).warning, undefined);
  assert.equal(new ChatTemplate(CHATML, tokenizer).warning, undefined);
  const failing = new ChatTemplate("{{ raise_exception('never') }}", tokenizer);
  assert.match(failing.warning!, /fails on a plain chat: never/);
  assert.match(new ChatTemplate("x", tokenizer).warning!, /leaves out what the user says/);
});

Deno.test("ChatTemplate ends a template without an end", () => {
  const limits = { steps: 1_000 };
  const endless = source("{{ m.content }}{% for i in range(99999) %}{% endfor %}");
  const template = new ChatTemplate(endless, tokenizer, { limits });
  assert.throws(() => template.render(turns), /more than 1000 steps/);
});

/** JSON of so many lists in each other. */
const lists = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

Deno.test("ChatTemplate refuses values that are nested too deep, naming their field", async () => {
  const calls =
    "{% for t in tools or [] %}{{ t.function.name }}{% endfor %}{% for m in messages %}" +
    "<|{{ m.role }}|>{{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}" +
    "ARGUMENTS{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
  const given = "c.function.arguments";
  const templates = {
    none: chatml,
    values: calls.replace("ARGUMENTS", `{{ ${given} | tojson }}`),
    texts: calls.replace("ARGUMENTS", `{{ ${given} + '' }}`),
    mappings: calls.replace(
      "ARGUMENTS",
      `{% for k, v in ${given} | items %}{{ k }}={{ v }}{% endfor %}`,
    ),
    textsOfMappings: calls.replace(
      "ARGUMENTS",
      `{% if ${given}.startswith('{') %}{{ ${given} }}{% else %}{{ raise_exception('no') }}{% endif %}`,
    ),
  };
  const refusals: string[] = [];
  for (const [name, source] of Object.entries(templates)) {
    const template = new ChatTemplate(source, tokenizer);
    for (
      const text of [
        lists(190),
        lists(200),
        lists(201),
        lists(3000),
        `{"a":${lists(199)}}`,
        `{"a":${lists(3000)}}`,
      ]
    ) {
      const call = {
        id: "c1",
        type: "function" as const,
        function: { name: "f", arguments: text },
      };
      const chat = [...user("x"), { role: "assistant" as const, content: "", tool_calls: [call] }];
      const refusal = await template.tokenize([...chat, ...user("y")]).catch((error) => error);
      if (!(refusal instanceof Error)) continue;
      assert.ok(
        refusal instanceof LlorchError && refusal.code === "INVALID_REQUEST",
        `${name}: ${refusal}`,
      );
      assert.match(refusal.message, /request: messages: .* levels/);
      refusals.push(name);
    }
    const tool = {
      type: "function" as const,
      function: { name: "f", parameters: { a: JSON.parse(lists(250)) } },
    };
    await assert.rejects(
      template.tokenize(user("x"), [tool]),
      (error) =>
        console.log(String(error).slice(0, 300)) as never ||
        error instanceof LlorchError && /request: tools\S*: .* levels/.test(error.message),
      name,
    );
  }
  assert.ok(refusals.includes("textsOfMappings"));
});
