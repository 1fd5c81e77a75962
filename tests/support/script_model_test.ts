import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { endOf, using } from "../../daemons/worker/testing/llama.ts";
import { scriptWord, writeScriptModel } from "./script_model.ts";
import { cutScript } from "./script_vocabulary.ts";

const TEMPLATE = "{% for message in messages %}<|turn|>{{ message.role }}\n{{ message.content }}" +
  "<|end|>{% endfor %}<|turn|>assistant\n";

const textOf = (events: readonly WorkerEvent[]) =>
  events.map((each) => each.event === "token" ? each.data.t : "").join("");

async function inFolder(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "llorch-script-" });
  try {
    await test(join(folder, "script.gguf"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a script model says its scripts, whatever stands before", () =>
  inFolder(async (path) => {
    const call = '<call>{"name": "look", "arguments": {"at": "the same, the same"}}</call>';
    const scripts = [
      "Hello, hello, hello: the same words, the same words.",
      `<think>\nWhat, what?</think>\n\n${call}${call}`,
      Array.from("one by one, é😀漢 one by one"),
      ["whole ", "pie", "ces", " whole ", "pie", "ces"],
      "<think></think><call>1</call><call>2</call>",
    ];
    writeScriptModel(path, {
      scripts,
      template: TEMPLATE,
      control: ["<|turn|>"],
      userDefined: ["<think>", "</think>", "<call>", "</call>"],
      eos: "<|end|>",
    });
    await using(path, { context: 2048 }, async ({ generate }) => {
      const ask = async (content: string, fields = {}) => {
        const messages = [{ role: "user", content }];
        const events = await generate({
          ...{ messages, temperature: 0, reasoning_format: "none" },
          ...fields,
        });
        assert.equal(
          endOf(events).stop_reason,
          "EOS",
          `${content}: ${textOf(events).slice(0, 300)}`,
        );
        return textOf(events);
      };
      const said = scripts.map((script) => typeof script === "string" ? script : script.join(""));
      assert.equal(await ask("Hello"), said[0], "the first, if nothing is chosen");
      for (const [index, text] of said.entries()) {
        assert.equal(await ask(`Say ${scriptWord(index)}`), text);
        assert.equal(await ask(`${scriptWord(index)}${" and so on".repeat(100)}`), text);
        assert.equal(await ask(scriptWord(index), { temperature: 1 }), text, "at any temperature");
      }
      assert.equal(await ask(`First ${scriptWord(1)}, then ${scriptWord(2)}`), said[2]);
      assert.equal(await ask(`Say ${said[0]} and ${said[1]}`), said[0], "said before, in a prompt");
      const grammar = `root ::= "Hello" [^0-9]*`;
      assert.equal(await ask("Hello", { grammar }), said[0], "under a grammar");
    });
  }));

Deno.test("a script model goes on from any of its tokens", () =>
  inFolder(async (path) => {
    const text = "<call>1</call><call>2</call> and <call>1</call>";
    const userDefined = ["<call>", "</call>"];
    writeScriptModel(path, { scripts: [text], template: TEMPLATE, userDefined });
    await using(path, { context: 512 }, async ({ generate }) => {
      const messages = [{ role: "user", content: "Hello" }];
      const events = await generate({ messages, temperature: 0 });
      const tokens = events.flatMap((each) => each.event === "token" ? [each.data] : []);
      for (let sent = 1; sent < tokens.length; sent++) {
        const rest = await generate({
          ...{ messages, temperature: 0, resume_index: sent },
          resume_tokens: tokens.slice(0, sent).flatMap(({ ids }) => ids),
        });
        const before = tokens.slice(0, sent).map(({ t }) => t).join("");
        assert.equal(before + textOf(rest), text, `after ${sent} events`);
      }
    });
  }));

Deno.test("a script model has few tokens for long runs of its letter", () =>
  inFolder(async (path) => {
    const userDefined = ["<think>", "</think>"];
    writeScriptModel(path, { scripts: ["Fine"], template: TEMPLATE, userDefined, runsOf: "x" });
    await using(path, { context: 512 }, async ({ generate }) => {
      const content = `${"x".repeat(64)} `.repeat(100);
      const events = await generate({ messages: [{ role: "user", content }], temperature: 0 });
      assert.equal(textOf(events), "Fine");
      assert.ok(endOf(events).tokens_in < 300, `${endOf(events).tokens_in} tokens`);
    });
  }));

Deno.test("a script is cut as tokenizers cut, and a mark is one piece", () => {
  assert.deepEqual(
    cutScript('Say <a>{"x": 12, "yellows": []}</a>\n\nend', ["<a>", "</a>"]),
    ["Say", " ", "<a>", '{"', "x", '":', " ", "1", "2", ",", ' "', "yello", "ws", '":', " []}"]
      .concat(["</a>", "\n\n", "end"]),
  );
});

Deno.test("scripts that cannot be said are refused", () => {
  const write = (script: string) => () =>
    writeScriptModel("/nowhere.gguf", {
      scripts: [script],
      template: TEMPLATE,
      userDefined: ["<a>", "<b>", "<c>"],
    });
  assert.throws(write("x<a><b><a><c>"), /repeats a mark with no text between, at step 3/);
  assert.throws(write("ab ".repeat(1_000)), /has \d+ steps of text/);
});
