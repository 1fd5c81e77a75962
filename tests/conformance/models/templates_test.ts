/**
 * Every chat template of llama.cpp, rendered with every case of `cases.json`, is what Jinja2 makes of
 * it. `make_digests.py FOLDER > digests.json` writes what is expected.
 *
 * @module
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { TemplateError } from "#shared/jinja/errors.ts";
import { AnswerReader } from "../../../daemons/worker/answers/reader/reader.ts";
import { ChatTemplate } from "../../../daemons/worker/chat/chat_template.ts";
import { parseExact } from "../../../daemons/worker/chat/jinja/json.ts";
import { Template } from "../../../daemons/worker/chat/jinja/template.ts";
import { Dict, text, type Value } from "../../../daemons/worker/chat/jinja/values.ts";
import { cacheFolder, llamaSource } from "../../support/llama_source.ts";
import { ROOT } from "../../support/stack.ts";

const FOLDER = join(ROOT, "tests/conformance/models");
const JINJA = "3.1.6";
/** The date of `make_digests.py`. */
const now = () => new Date(2026, 2, 5, 14, 7, 9);

const source = await llamaSource();
const ignore = "why" in source;
const why = "why" in source ? ` (skipped: ${source.why})` : "";
const templates = "why" in source ? "" : join(source.folder, "models/templates");

/** Cases by what comes of them: a SHA-256 or a refusal. */
type Outcomes = Readonly<Record<string, readonly string[]>>;
const digests: Readonly<Record<string, Outcomes>> = JSON.parse(
  await Deno.readTextFile(join(FOLDER, "digests.json")),
);

interface Case {
  readonly name: string;
  variables(): [string, Value][];
}

/** The cases, whose numbers are exact. Each rendering reads values of its own. */
async function cases(): Promise<Case[]> {
  const found = parseExact(await Deno.readTextFile(join(FOLDER, "cases.json")));
  assert.ok(Array.isArray(found));
  return found.map((item) => {
    assert.ok(item instanceof Dict);
    const variables = item.get("variables");
    assert.ok(variables instanceof Dict);
    return {
      name: text(item.get("name")!),
      variables: () => [...variables.entries()].map(([name, value]) => [text(name), value]),
    };
  });
}

function outcome(template: Template, { variables }: Case): string {
  try {
    return createHash("sha256").update(template.render(variables())).digest("hex");
  } catch (error) {
    if (error instanceof TemplateError) return `refused: ${error.message}`;
    throw error;
  }
}

Deno.test({
  name: `every template of llama.cpp is rendered as by Jinja2${why}`,
  ignore,
  async fn(t) {
    const inputs = await cases();
    for (const [name, expected] of Object.entries(digests)) {
      await t.step(name, async () => {
        const template = new Template(await Deno.readTextFile(join(templates, `${name}.jinja`)), {
          now,
        });
        const wanted = new Map(
          Object.entries(expected).flatMap(([outcome, names]) =>
            names.map((name) => [name, outcome.replace(/^changes lists: /, "")] as const)
          ),
        );
        assert.deepEqual([...wanted.keys()].toSorted(), inputs.map(({ name }) => name).toSorted());
        const different = inputs.filter((input) => {
          const found = outcome(template, input);
          const want = wanted.get(input.name)!;
          return want.startsWith("refused: ") ? !found.startsWith("refused: ") : found !== want;
        });
        assert.deepEqual(different.map(({ name }) => name), []);
      });
    }
  },
});

Deno.test({
  name: `no template of llama.cpp is missing${why}`,
  ignore,
  fn() {
    const found = [...Deno.readDirSync(templates)].map(({ name }) => name)
      .filter((name) => name.endsWith(".jinja")).map((name) => name.slice(0, -".jinja".length));
    assert.deepEqual(found.toSorted(), Object.keys(digests).toSorted());
  },
});

/** Python with the pinned Jinja2, in a cache folder; why there is none. */
async function python(): Promise<{ readonly path: string } | { readonly why: string }> {
  const run = async (command: string, ...args: string[]) => {
    try {
      return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output())
        .success;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  };
  const folder = join(cacheFolder(), `llorch-jinja2-${JINJA}`);
  const path = join(folder, "bin/python");
  if (await run(path, "-c", `import jinja2; assert jinja2.__version__ == "${JINJA}"`)) {
    return { path };
  }
  if (!await run("python3", "-m", "venv", folder)) return { why: "no python3 with venv" };
  const isThere = await run(join(folder, "bin/pip"), "install", "--quiet", `jinja2==${JINJA}`);
  return isThere ? { path } : { why: `jinja2==${JINJA} cannot be installed` };
}

const jinja = ignore ? { why: "no templates" } : await python();
const whyNoPython = "why" in jinja ? ` (skipped: ${jinja.why})` : "";

Deno.test({
  name: `the committed digests are what Jinja2 ${JINJA} makes${whyNoPython}`,
  ignore: "why" in jinja,
  async fn() {
    assert.ok("path" in jinja);
    const { code, stdout, stderr } = await new Deno.Command(jinja.path, {
      args: [join(FOLDER, "make_digests.py"), templates],
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), digests);
  },
});

const tokenizer = {
  tokenize: () => Promise.resolve([]),
  tokenizeNext: () => Promise.resolve([]),
  bosText: "<bos>",
  eosText: "<eos>",
  specials: new Map(),
};
const TOOL = {
  type: "function",
  function: {
    name: "find_bird",
    description: "Finds a bird",
    parameters: {
      type: "object",
      properties: { size: { type: "number", description: "In metres" } },
      required: ["size"],
    },
  },
} as const;

Deno.test({
  name: `every template of llama.cpp serves chats, tools, results and prefilled answers${why}`,
  ignore,
  async fn(t) {
    for (const name of Object.keys(digests)) {
      await t.step(name, async () => {
        const source = await Deno.readTextFile(join(templates, `${name}.jinja`));
        const template = new ChatTemplate(source, tokenizer, { now });
        assert.equal(template.warning, undefined);
        const render = (messages: Parameters<typeof template.turns>[0], tools: typeof TOOL[]) =>
          template.render(template.turns(messages, tools), tools);

        const system = { role: "system", content: "Say it in verse." };
        const question = { role: "user", content: "Which bird?" };
        const chat = render([system, question], []);
        assert.match(chat, /Say it in verse\.[^]*Which bird\?/);
        assert.match(render([question], [TOOL]), /find_bird/);

        const call = { name: "find_bird", arguments: '{"size": 1.0, "id": 1234567890123456789}' };
        const history = render([
          question,
          { role: "assistant", content: null, tool_calls: [{ id: "call_1234", function: call }] },
          { role: "tool", content: "A heron" },
        ], [TOOL]);
        for (const part of ["1.0", "1234567890123456789", "A heron"]) {
          assert.ok(history.includes(part), `${part}: ${history}`);
        }

        for (const given of ['{"size": 1.0, "place": "by_the_ri', "by_the_ri", '["by_the_ri"]']) {
          const cut = { id: "call_1234", function: { name: "find_bird", arguments: given } };
          const text = render([
            question,
            { role: "assistant", content: "", tool_calls: [cut] },
            { role: "tool", content: "A heron", tool_call_id: "call_5678", name: "find_bird" },
            { role: "assistant", content: "It was cut." },
            { role: "user", content: "And now?" },
          ], [TOOL]);
          assert.match(text, /by_the_ri[^]*A heron[^]*And now\?/, given);
        }

        for (const effort of ["none", "minimal", "low", "medium", "high", "xhigh"] as const) {
          const text = template.render(template.turns([question]), [], {
            kwargs: template.effort(effort),
          });
          assert.match(text, /Which bird\?/);
        }

        const begun = [question, { role: "assistant", content: "It is a gr" }];
        const continued = template.render(template.turns(begun), [], { continueFinal: true });
        assert.ok(continued.endsWith("It is a gr"), continued);

        const thinking = {
          role: "assistant" as const,
          content: "",
          reasoning_content: "Birds are ",
        };
        const { answerStart, syntax } = await template.tokenize([
          { role: "user", content: "Which bird?" },
          thinking,
        ]);
        const reader = new AnswerReader(syntax, {
          ...{ tools: new Map(), promptEnd: answerStart, isSingle: false, splitsThoughts: true },
        });
        const isKnown = syntax.messages
          ? syntax.messages.thoughts.length > 0
          : syntax.thought !== undefined && !syntax.thought.isGuess;
        assert.equal(answerStart.endsWith("Birds are "), isKnown, answerStart);
        assert.equal(reader.state, isKnown ? "reasoning" : "text", answerStart);
      });
    }
  },
});
