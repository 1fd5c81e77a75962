import assert from "node:assert/strict";
import { join } from "node:path";
import { llamaSource } from "../../support/llama_source.ts";
import { withStack } from "../../support/stack.ts";
import { familyOf, writeFamily } from "../models/family_file.ts";
import { commandOf, PACKAGES } from "./packages.ts";
import {
  ANSWER,
  CONTEXT,
  MODEL,
  nameOf,
  NOTE,
  type Program,
  PROGRAMS,
  type ToolCall,
} from "./programs.ts";
import { type Recording, recordingOf, recordingPath, shapeOf } from "./recording.ts";
import { type Ran, runProgram } from "./run_program.ts";

const FAMILY = familyOf("Qwen 3");

const source = await llamaSource();

for (const program of PROGRAMS) {
  const { version } = PACKAGES[program.command];
  const name = nameOf(program);
  const why = "why" in source
    ? source.why
    : isThere(commandOf(PACKAGES[program.command]))
    ? undefined
    : `not installed: deno run -P=tools tests/conformance/programs/install.ts ${program.command}`;
  Deno.test({
    name: `${name} ${version} calls a tool and ends${why ? ` (skipped: ${why})` : ""}`,
    ignore: why !== undefined,
    async fn() {
      assert.ok("folder" in source);
      const folder = await Deno.makeTempDir({ prefix: "llorch-program-" });
      try {
        const models = join(folder, "models");
        await Deno.mkdir(models);
        await writeModel(join(models, `${MODEL}.gguf`), program);
        const options = { models, model: MODEL, context: CONTEXT, slots: 1 };
        await withStack(options, async ({ url }) => {
          const ran = await runProgram(program, folder, url);
          await keep(name, ran);
          try {
            await check(program, ran, join(folder, "work"));
            await compare(recordingOf(name, version, ran.exchanges));
          } catch (error) {
            console.error(transcript(ran));
            throw error;
          }
        });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** A model that calls the program's tool, and answers when it has seen the note. */
async function writeModel(path: string, { says }: Program): Promise<void> {
  const [before, after] = FAMILY.thought!;
  const first = typeof says === "string" ? says : callText(says);
  const scripts = ["Copying a note", `${before}I copy it.${after}${first}`, ANSWER];
  assert.ok("folder" in source);
  await writeFamily(path, FAMILY, source.folder, scripts, { context: CONTEXT });
}

/** A call as Qwen 3 writes it. */
function callText({ name, args }: ToolCall): string {
  return `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`;
}

/** What a program and the model said, for a test that fails. */
function transcript({ exchanges, code, stdout, stderr }: Ran): string {
  const lines = exchanges.map(({ method, path, body, status, reply }) =>
    `${method} ${path} ${body.length} bytes -> ${status}${status === 200 ? "" : ` ${reply()}`}`
  );
  return [...lines, `exit code ${code}`, "--- stdout", stdout, "--- stderr", stderr].join("\n");
}

/** Writes what was said into the folder `LLORCH_TRANSCRIPTS`, if there is one. */
async function keep(name: string, ran: Ran): Promise<void> {
  const folder = Deno.env.get("LLORCH_TRANSCRIPTS");
  if (!folder) return;
  const said = ran.exchanges.map((each) => ({ ...each, reply: each.reply() }));
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, `${name}.txt`), transcript(ran));
  await Deno.writeTextFile(join(folder, `${name}.json`), JSON.stringify(said, null, 1));
}

async function check({ shows = ANSWER }: Program, ran: Ran, work: string): Promise<void> {
  const refused = ran.exchanges.filter(({ status }) => status !== 200);
  assert.deepEqual(refused.map(({ method, path, status }) => [method, path, status]), []);
  assert.equal(ran.code, 0);
  assert.ok(ran.stdout.includes(shows));
  assert.equal(await Deno.readTextFile(join(work, "copy.txt")), NOTE);
}

/** Compares what was sent with the program's recording; `LLORCH_UPDATE_GOLDEN=1` writes it. */
async function compare(recording: Recording): Promise<void> {
  const path = recordingPath(recording.program);
  if (Deno.env.get("LLORCH_UPDATE_GOLDEN") === "1") {
    await Deno.writeTextFile(path, JSON.stringify(recording, null, 2) + "\n");
  }
  const kept: Recording = JSON.parse(await Deno.readTextFile(path));
  assert.equal(recording.version, kept.version);
  assert.deepEqual(shapesOf(recording), shapesOf(kept));
}

/** In any order: a program may send some of its requests side by side. */
function shapesOf({ requests }: Recording): string[] {
  return requests.map((each) => JSON.stringify(shapeOf(each), null, 1)).sort();
}

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
