/**
 * llama.cpp throws where a grammar does not allow a token, and an exception that reaches JavaScript ends
 * the process. So nothing that a request brings may get there, and its neighbours notice nothing.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { LlorchError } from "#shared/errors.ts";
import { randomGrammars } from "../../../../tests/grammars/random_grammars.ts";
import { writeCallerModel } from "../../../../tests/support/models.ts";
import { scriptWord, writeScriptModel } from "../../../../tests/support/script_model.ts";
import { idsOf, outline, textOf } from "../../testing/generator.ts";
import { assertOffered, callsOf, TOOLS, withScripts } from "../../testing/held.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";
import { endOf, fieldIs, type Opened, using } from "../../testing/llama.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Four requests that take {@linkcode STEPS} steps each. */
const STEPS = 60;
const NEIGHBOURS: readonly Fields[] = [
  { prompt: " w1" },
  { prompt: " w10", temperature: 0.7, seed: 3 },
  { prompt: " w5", grammar: 'root ::= (" w" [0-9]+)+' },
  { prompt: " w20", frequency_penalty: 0.2, temperature: 0.5, seed: 4, logprobs: 1 },
].map((each) => ({ ...each, max_tokens: STEPS }));

/** What is known of the model's tokens. */
interface Tokens {
  /** All but the marks and parts of the call that the model writes, and the end. */
  readonly outsideOfCalls: readonly number[];
  /** The token of a word or mark. */
  of(text: string): number;
}

/** Runs a model that counts, and after `?` calls the function `count`. */
async function withCaller(
  work: (opened: Opened, tokens: Tokens) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "caller.gguf");
    writeCallerModel(path, { context: 512 });
    await using(path, { slots: 5, context: 512 }, async (opened) => {
      const { engine } = opened;
      const ids = Array.from({ length: engine.vocabularySize }, (_, id) => id);
      const texts = new Map(ids.map((id) => [engine.detokenize([id]), id]));
      const of = (text: string) => {
        const id = texts.get(text);
        assert.ok(id !== undefined, `no token is ${text}`);
        return id;
      };
      const first = of("<tool_call>");
      const outsideOfCalls = ids.filter((id) => id < first && !engine.endsGeneration(id));
      await work(opened, { of, outsideOfCalls });
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const forbidding = (ids: readonly number[]) => Object.fromEntries(ids.map((id) => [id, -100]));
const OTHER = [{ type: "function", function: { name: "other", parameters: { type: "object" } } }];
const asking = { messages: [{ role: "user", content: "w1?" }], tools: OTHER };

/** Requests that get to a dead end, and how they end. */
const DEAD_ENDS: Readonly<Record<string, readonly [(tokens: Tokens) => Fields, string]>> = {
  "no token has the character": [() => ({ grammar: 'root ::= "\\x00"' }), "error INVALID_REQUEST"],
  "no token has the character that follows": [
    () => ({ grammar: 'root ::= " w2" [\\x00]' }),
    "error INVALID_REQUEST",
  ],
  "no token has the number": [
    () => ({ grammar: "root ::= <[4000000000]>" }),
    "error INVALID_REQUEST",
  ],
  "the only token with the number is forbidden": [
    ({ of }) => ({
      grammar: `root ::= <[${of(" w2")}]>`,
      logit_bias: forbidding([of(" w2")]),
    }),
    "error INVALID_REQUEST",
  ],
  "what the grammar wants is forbidden": [
    ({ of }) => ({ grammar: 'root ::= "z"', logit_bias: forbidding([of("z")]) }),
    "error INVALID_REQUEST",
  ],
  "a schema wants what is forbidden": [
    ({ of }) => ({ json_schema: { type: "boolean" }, logit_bias: forbidding([of("t"), of("f")]) }),
    "error INVALID_REQUEST",
  ],
  "an earlier token is not allowed": [
    ({ of }) => ({ grammar: 'root ::= " w2"', resume_tokens: [of(" w9")] }),
    "error INVALID_REQUEST",
  ],
  "an earlier token follows the grammar's end": [
    ({ of }) => ({ grammar: 'root ::= " w2"', resume_tokens: [of(" w2"), of(" w3")] }),
    "error INVALID_REQUEST",
  ],
  "an earlier token cuts a character": [
    ({ of }) => ({ grammar: 'root ::= "é" " w3"', resume_tokens: [3 + 0xc3, of(" w3")] }),
    "error INVALID_REQUEST",
  ],
  "nothing that a call may go on with is left": [
    ({ outsideOfCalls }) => ({ ...asking, logit_bias: forbidding(outsideOfCalls) }),
    "end EOS",
  ],
  "an earlier call is none": [
    ({ of }) => ({ ...asking, resume_tokens: [of("<tool_call>"), of(" w98")] }),
    "end EOS",
  ],
};

/** Ways to choose: each has a path of its own through the samplers. */
const WAYS: Readonly<Record<string, Fields>> = {
  "the most probable token": { temperature: 0 },
  "by chance": { temperature: 1, seed: 5 },
  "with penalties": { temperature: 1, seed: 5, repetition_penalty: 1.1 },
  "with probabilities after sampling": {
    ...{ temperature: 1, seed: 5 },
    ...{ logprobs: 2, post_sampling_probs: true },
  },
};

const said = (events: readonly WorkerEvent[]) => [idsOf(events), outline(events).at(-1)];

Deno.test("a dead end of a grammar ends its own request, and four neighbours say what they say alone", (t) =>
  withCaller(async ({ generate }, tokens) => {
    const alone: unknown[] = [];
    for (const fields of NEIGHBOURS) alone.push(said(await generate(fields)));
    for (const [name, [fieldsOf, end]] of Object.entries(DEAD_ENDS)) {
      await t.step(name, async () => {
        for (const [way, choosing] of Object.entries(WAYS)) {
          // All begin in one turn, so that they run side by side.
          const neighbours = NEIGHBOURS.map(async (fields) => said(await generate(fields)));
          const own = fieldsOf(tokens);
          const prompt = "messages" in own ? {} : { prompt: " w1" };
          const events = await generate({ ...prompt, ...own, ...choosing, max_tokens: 40 });
          assert.equal(outline(events).at(-1), end, `${way}: ${JSON.stringify(events.at(-1))}`);
          assert.deepEqual(await Promise.all(neighbours), alone, way);
        }
      });
    }
  }));

for (const speculative of [undefined, "lookup"] as const) {
  Deno.test(`the request after a dead end reads only what is new, ${speculative ?? "no"} guesses`, async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = join(folder, "caller.gguf");
      writeCallerModel(path, { context: 512 });
      const settings = speculative ? { speculative } : {};
      await using(path, { slots: 1, context: 512, settings }, async ({ generate, engine }) => {
        const prompt = Array.from({ length: 40 }, (_, n) => ` w${n + 1}`).join("");
        const plain = await generate({ prompt, max_tokens: 20 });
        // After some words, no token has what the grammar wants.
        const grammar = 'root ::= " w41 w42 w43" [\\x00]';
        const broken = await generate({ prompt, grammar, max_tokens: 20 });
        assert.equal(outline(broken).at(-1), "error INVALID_REQUEST");
        assert.deepEqual(
          idsOf(broken).map((id) => engine.detokenize([id])).join(""),
          " w41 w42 w43",
        );
        const next = await generate({ prompt: `${prompt} w41 w42 w43`, max_tokens: 17 });
        assert.ok(endOf(next).tokens_cached >= 40, `${endOf(next).tokens_cached} tokens are kept`);
        assert.equal(textOf(next), textOf(plain).slice(" w41 w42 w43".length));
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("a grammar that llama.cpp cannot use is refused beside neighbours that go on", () =>
  withCaller(async ({ generate }) => {
    const refused = {
      "no grammar": "root :",
      "a group without an end": 'root ::= ("a"',
      "a rule that is not there": "root ::= a",
      "a loop": 'root ::= "a"? root',
      "a class without an end": "root ::= [a",
      "half a character's code": 'root ::= "\\u12"',
      "a code of no character": "root ::= [\\UF0000000-\\UFFFFFFFF]",
      "a NUL": 'root ::= "a\0"',
      "a token after text that may be the beginning of another": 'root ::= " " !<[5]>',
      "the same in a repetition": 'root ::= ("w" | <[5]>)+',
      "too many repetitions": 'root ::= "a"{3000}',
    };
    const alone = said(await generate(NEIGHBOURS[0]));
    const neighbour = generate(NEIGHBOURS[0]);
    for (const [name, grammar] of Object.entries(refused)) {
      await assert.rejects(generate({ prompt: " w1", grammar }), fieldIs("grammar"), name);
    }
    const patterns = ["(", "[b-a]", "a{2,1}", "(?<x>a"];
    for (const pattern of patterns) {
      const json_schema = { type: "string", pattern };
      await assert.rejects(
        generate({ prompt: " w1", json_schema, json_schema_strict: true }),
        fieldIs("json_schema"),
        pattern,
      );
    }
    assert.deepEqual(said(await neighbour), alone);
  }));

Deno.test("tokens by their numbers are held where no text is before them", () =>
  withCaller(async ({ generate }, { of }) => {
    const [three, four] = [of(" w3"), of(" w4")];
    const grammar = `root ::= !<[${of(" w2")}]> <[${three}]> <[${four}]> " w" [0-9]`;
    for (const choosing of Object.values(WAYS)) {
      const events = await generate({ prompt: " w1", grammar, ...choosing });
      const [first, ...rest] = idsOf(events);
      assert.notEqual(first, of(" w2"));
      assert.deepEqual(rest.slice(0, 2), [three, four]);
      assert.equal(outline(events).at(-1), "end EOS");
    }
  }));

Deno.test("a token whose text no client sees is not taken for that text, which a grammar wants", () =>
  using(DEMO_MODEL, {}, async ({ generate }) => {
    for (const choosing of Object.values(WAYS)) {
      for (const text of ["<s>", "a<s>"]) {
        const events = await generate({
          prompt: "Once",
          grammar: `root ::= "${text}"`,
          ...choosing,
        });
        assert.equal(textOf(events), text);
        assert.equal(outline(events).at(-1), "end EOS");
      }
    }
  }));

/** Writes calls as JSON between marks. */
const TEMPLATE = "{% if tools %}{{ tools | tojson }}{% endif %}" +
  "{% for message in messages %}<|turn|>{{ message.role }}\n{{ message.content }}" +
  "{% for call in message.tool_calls or [] %}\n<tool_call>\n" +
  '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}' +
  "\n</tool_call>{% endfor %}<|end|>{% endfor %}" +
  "{% if add_generation_prompt %}<|turn|>assistant\n{% endif %}";

Deno.test("a call whose first token has other text that no grammar of calls allows is not held", () => {
  const call = ["\n", '{"name": "lea', 've", "arguments": {}}', "\n", "</tool_call>"];
  const pieces = ["Well", ", [so]\n<tool_call>", ...call];
  const model = {
    ...{ scripts: [pieces], template: TEMPLATE, eos: "<|end|>", control: ["<|turn|>"] },
    userDefined: ["<tool_call>", "</tool_call>"],
  };
  return withScripts(model, async (ask) => {
    for (const choosing of Object.values(WAYS)) {
      const events = await ask(0, { tools: TOOLS, ...choosing });
      // A held call would be one that is offered.
      assert.equal(outline(events).at(-1), "end EOS");
      assert.equal(textOf(events).trimEnd(), "Well, [so]");
      assert.equal(endOf(events).tokens_out, pieces.length);
    }
  });
});

Deno.test("a call is held also after 200 000 characters of text, on which no pattern is tried", async () => {
  const call = '\n<tool_call>\n{"name": "look", "arguments": {"where": "nowhere", "times": 3}}' +
    "\n</tool_call>";
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "script.gguf");
    writeScriptModel(path, {
      ...{ scripts: [call], template: TEMPLATE, eos: "<|end|>", control: ["<|turn|>"] },
      ...{ userDefined: ["<tool_call>", "</tool_call>"], runsOf: "a" },
    });
    await using(path, { context: 8_192 }, async ({ engine, generate }) => {
      const text = await engine.tokenize("a".repeat(200_000), { begins: false });
      const events = await generate({
        ...{ messages: [{ role: "user", content: `Say ${scriptWord(0)}` }], tools: TOOLS },
        ...{ resume_tokens: text, resume_index: text.length, max_tokens: text.length + 300 },
      });
      assert.equal(outline(events).at(-1), "end TOOL_CALLS");
      // A call that is not held would be the model's own, which is not as its schema wants.
      assertOffered(callsOf(events)[0]!);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Random grammars to try. */
const GRAMMARS = 60;

Deno.test("llama.cpp lives on after random grammars, whatever is chosen with them", () =>
  withCaller(async ({ generate }) => {
    let tried = 0;
    for (const grammar of randomGrammars(7)) {
      const fields = { prompt: " w1", max_tokens: 12, temperature: 2, seed: tried };
      try {
        const end = outline(await generate({ ...fields, grammar })).at(-1)!;
        assert.match(end, /^(end (EOS|MAX_TOKENS)|error INVALID_REQUEST)$/, grammar);
        if (++tried === GRAMMARS) break;
      } catch (error) {
        assert.ok(error instanceof LlorchError && error.code === "INVALID_REQUEST", String(error));
      }
    }
  }));
