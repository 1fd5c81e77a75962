/**
 * The grammar of calls of every family takes what its models write, and no other name and no other
 * type of an argument. The grammar is made from the template alone.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { getLlama } from "node-llama-cpp";
import { findSyntax } from "../../../daemons/worker/chat/find_syntax.ts";
import { callGrammar } from "../../../daemons/worker/grammar/call_grammar.ts";
import { checkGrammar } from "../../../daemons/worker/grammar/check_grammar.ts";
import { forcedCallGrammar } from "../../../daemons/worker/grammar/forced_call_grammar.ts";
import { atOnce, type Making } from "../../../daemons/worker/grammar/in_turns.ts";
import { begunMessage, forcedMessage } from "../../../daemons/worker/grammar/message_grammar.ts";
import { llamaSource } from "../../support/llama_source.ts";
import { TOOLS } from "./expectations.ts";
import { CALLS, FAMILIES, type Family } from "./families.ts";
import { renderer } from "./render.ts";

const source = await llamaSource();
const why = "why" in source ? ` (skipped: ${source.why})` : "";

/** Families whose calls nothing holds. */
const UNHELD: readonly string[] = [
  // A number that differs from call to call stands behind the name.
  "Kimi K3",
];

/** Last marks that a model writes but its template does not: a forced call ends before them. */
const UNWRITTEN: Readonly<Record<string, string>> = {
  "DeepSeek R1 Distill Llama": "<｜tool▁calls▁end｜>",
};

Deno.test({
  name: `every family's calls are held by their grammar${why}`,
  ignore: "why" in source,
  async fn(t) {
    assert.ok("folder" in source);
    const llama = await getLlama({
      ...{ gpu: false, build: "never", progressLogs: false, maxThreads: 1 },
    });
    const unheld: string[] = [];
    for (const family of FAMILIES) {
      if (!family.calls) continue;
      const grammars = await grammarsOf(family, source.folder);
      if (grammars === undefined) {
        unheld.push(family.name);
        continue;
      }
      await t.step(family.name, async () => {
        const written = firstCall(family);
        for (const [kind, grammar] of Object.entries(grammars)) {
          const unwritten = kind === "forced" ? UNWRITTEN[family.name] ?? "" : "";
          assert.ok(written.endsWith(unwritten));
          const call = written.slice(0, written.length - unwritten.length);
          checkGrammar(grammar, "tools");
          const compiled = await llama.createGrammar({ grammar });
          const takes = (call: string) =>
            (compiled as unknown as { _testText(text: string): boolean })._testText(call);
          assert.ok(takes(call), `${kind}: ${call}`);
          assert.ok(!takes(call.replaceAll("find_place", "find_plane")), `${kind}: another name`);
          assert.ok(!takes(call.replace("9007199254740993", '"x"')), `${kind}: another type`);
          const space = call.replace(/(?<=[\]}>])(?=[^,\]}>]*$)/, "\n \n");
          if (kind === "forced") assert.ok(!takes(space), `${kind}: space at the end`);
        }
      });
    }
    assert.deepEqual(unheld.toSorted(), UNHELD.toSorted());
    await llama.dispose();
  },
});

/** The grammars of a call that was begun, and of one that must be made. */
async function grammarsOf(
  family: Family,
  folder: string,
): Promise<Readonly<Record<"begun" | "forced", string>> | undefined> {
  const file = join(folder, "models/templates", `${family.template}.jinja`);
  const specials = [...family.control ?? [], ...family.userDefined ?? []];
  const { calls, messages } = findSyntax(renderer(await Deno.readTextFile(file)), specials);
  const tools = TOOLS as never;
  if (messages) {
    const way = { messages, calls };
    return both(begunMessage(tools, way, "all"), forcedMessage(tools, way, "all"));
  }
  if (!calls) return undefined;
  return both(callGrammar(tools, calls, { afterText: true }), forcedCallGrammar(tools, calls));
}

function both(begunMaking: Making<string | undefined>, forcedMaking: Making<string | undefined>) {
  const [begun, forced] = [atOnce(begunMaking), atOnce(forcedMaking)];
  return begun === undefined || forced === undefined ? undefined : { begun, forced };
}

/** What a family writes for its first call, from its first mark on. */
function firstCall(family: Family): string {
  const text = family.calls!([CALLS[0]]).trimStart();
  // What begins the message with the calls, and what ends it.
  return text.replace(/^<\|(begin|start)\|>assistant/, "").replace(/<\|call\|>$/, "");
}
