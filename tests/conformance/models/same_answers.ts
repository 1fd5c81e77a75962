import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import {
  type Answer,
  ask,
  dialects,
  type DialectUnderTest,
  plainArguments,
  type Question,
  streamed,
  whole,
} from "../../../daemons/orchestratord/testing/dialects.ts";
import { scriptWord } from "../../support/script_model.ts";
import { type Service, withService } from "../../support/service.ts";
import { faultsOf, TOOLS } from "./expectations.ts";
import { type Family, type ScriptName, SCRIPTS } from "./families.ts";
import { writeFamily } from "./family_file.ts";

/** The dialects that offer functions, and a picture in a message of each. */
const ASKED = {
  chat: { messages: [picture("image_url", { image_url: { url: "data:image/png;base64,aGk=" } })] },
  messages: {
    max_tokens: 9,
    messages: [
      picture("image", { source: { type: "base64", media_type: "image/png", data: "aGk=" } }),
    ],
  },
  responses: { input: [picture("input_image", { image_url: "data:image/png;base64,aGk=" })] },
  ollama: { messages: [{ role: "user", content: "hi", images: ["aGk="] }] },
};

function picture(type: string, more: object) {
  return { role: "user", content: [{ type, ...more }] };
}

/** Tokens before its end at which an answer is cut. */
const CUT = 5;

/** A text within the answer at which it is stopped. */
const STOP = "near";

/** A question, and how its answer ends. */
interface Case {
  readonly script: ScriptName;
  readonly end: keyof DialectUnderTest["ends"];
  readonly more?: Partial<Question>;
}

/**
 * Asks families the same in every dialect, whole and streamed, through the whole service: text,
 * thoughts, calls, end and usage must be the same, and pictures are refused.
 *
 * @param source Folder of llama.cpp's source.
 * @param step Runs the comparison of a family.
 */
export async function compareDialects(
  families: readonly Family[],
  source: string,
  step: (name: string, body: () => Promise<void>) => Promise<unknown>,
): Promise<void> {
  const models = await Deno.makeTempDir({ prefix: "llorch-families-" });
  try {
    for (const family of families) {
      await writeFamily(join(models, `${modelOf(family)}.gguf`), family, source);
    }
    await withService(models, async (service) => {
      for (const family of families) {
        await step(family.name, () => compareFamily(family, service));
      }
    }, {
      orchestratord: families.map(nameToml).join("\n"),
      poolManagerd: "worker.threads = 1\nworker.default_context = 16384",
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
}

const modelOf = ({ name }: Family) => name.toLowerCase().replace(/[^a-z0-9.]+/g, "-");
const nameOf = (family: Family) => `ask-${modelOf(family)}`;

/** A name that makes a family think: not every dialect has fields for a template's variables. */
function nameToml(family: Family): string {
  const thinking = Object.entries(family.thinking ?? {})
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `[names."${nameOf(family)}"]\ntarget = "${modelOf(family)}"\n` +
    `parameters = { chat_template_kwargs = { ${thinking.join(", ")} } }\n`;
}

async function compareFamily(family: Family, { client, orchestratord }: Service): Promise<void> {
  const { url } = orchestratord;
  const more = { model: nameOf(family) };
  for (const each of await casesOf(family, url)) {
    const question = questionOf(each);
    let first: Answer | undefined;
    for (const name of Object.keys(ASKED)) {
      const dialect = dialects[name]!;
      for (const [way, get] of Object.entries({ whole, streamed })) {
        const answer = await get(url, dialect, question, more);
        const what = `${each.script}, ${each.end}: ${name}, ${way}`;
        assert.equal(answer.end, dialect.ends[each.end], what);
        first ??= answer;
        // A call that was cut is no JSON, which some dialects need.
        const isCut = each.end === "length" && (dialect.isOllama || name === "messages");
        assert.deepEqual(comparable(answer, isCut), comparable(first, isCut), what);
      }
    }
    if (each.end !== "calls" && each.end !== "stop") continue;
    const { text, thoughts, calls } = first!;
    const said = {
      content: text,
      reasoning: thoughts,
      calls,
      reason: dialects["chat"]!.ends[each.end],
    };
    const pieces = { reasoning: 0, calls: [] };
    assert.deepEqual(faultsOf(family, each.script, { ...said, pieces }), {}, each.script);
  }
  for (const [name, body] of Object.entries(ASKED)) {
    const reply = await ask(url, dialects[name]!, { content: "hi" }, { ...more, ...body });
    const text = await reply.text();
    assert.match(text, /image input is not supported/, `${name}: ${text}`);
    assert.equal(reply.status, 400, name);
  }
  await client.call(routes.unloadModel, { params: { ref: modelOf(family) }, body: {} });
}

/** What a family is asked; where an answer is cut follows from how many tokens it has. */
async function casesOf(family: Family, url: string): Promise<Case[]> {
  const cut = async (script: ScriptName, end: Case["end"]): Promise<Case> => {
    const question = questionOf({ script, end });
    const { usage } = await whole(url, dialects["chat"]!, question, { model: nameOf(family) });
    return { script, end: "length", more: { maxTokens: usage[2] - CUT } };
  };
  const cases: Case[] = [
    { script: "text", end: "stop" },
    { script: "text", end: "stopped", more: { stop: STOP } },
    await cut("text", "stop"),
    { script: "single", end: "calls" },
    await cut("single", "calls"),
  ];
  return family.parallel === false ? cases : [...cases, { script: "parallel", end: "calls" }];
}

function questionOf({ script, more }: Case): Question {
  return {
    content: `Say ${scriptWord(SCRIPTS.indexOf(script))}`,
    temperature: 0,
    maxTokens: 4000,
    ...(script === "text" ? {} : { tools: TOOLS }),
    ...more,
  };
}

/**
 * What all dialects tell alike. Ids follow from the job; what was cached depends on the requests before;
 * white space before calls is part of how models write them.
 */
function comparable(
  { text, thoughts, calls, usage: [prompt, , generated] }: Answer,
  isCut: boolean,
) {
  return {
    text: calls.length > 0 ? text.trim() : text,
    thoughts,
    calls: calls.map(({ name, arguments: given }) => isCut ? name : [name, spaceless(given)]),
    usage: [prompt, generated],
  };
}

/** Arguments as JSON writes them; those that were cut, as they came. */
function spaceless(given: string): string {
  try {
    return plainArguments(given);
  } catch {
    return given;
  }
}
