import assert from "node:assert/strict";
import { join } from "node:path";
import { readGgufFileInfo } from "node-llama-cpp";
import { llamaSource } from "../../../../tests/support/llama_source.ts";
import { counterModel, writeGapModel } from "../../../../tests/support/models.ts";
import { writeScriptModel } from "../../../../tests/support/script_model.ts";
import { pieceOf, textOf as written } from "../../answers/pieces.ts";
import { readPrompt } from "../../answers/prompt.ts";
import { idsOf, textOf } from "../../testing/generator.ts";
import { count, endOf, fieldIs, using } from "../../testing/llama.ts";
import { DEMO_MODEL } from "../../testing/worker.ts";
import { findGapTokens } from "./text/gap.ts";

Deno.test("llama.cpp reads control tokens in a prompt only if the request says so", () =>
  using(counterModel(), {}, async ({ engine, generate }) => {
    const tokens = async (prompt: string, special?: boolean) =>
      (await readPrompt({ prompt, special }, engine)).tokens;
    const plain = await tokens("<s> w7</s>");
    assert.equal(plain[0], 1);
    assert.ok(plain.length > 8 && !plain.slice(1).some((id) => id <= 2), `${plain}`);
    const special = await tokens("<s> w7</s>", true);
    // The beginning of the text is not there twice.
    assert.deepEqual([special[0], special.at(-1)], [1, 2]);
    assert.equal(special.filter((id) => id === 1).length, 1);
    assert.equal((await tokens("w7", true))[0], 1);
    const fields = { prompt: "</s><s>", special: true, max_tokens: 3 };
    assert.equal(textOf(await generate(fields)), count(0, 2));
  }));

Deno.test("llama.cpp's tokens become the text that they were made of, with control tokens and bytes", () =>
  using(counterModel(), {}, async ({ engine }) => {
    const tokens = await engine.tokenize("<s>w7</s>", { special: true, begins: false });
    assert.equal(await written(tokens, engine), "<s> w7</s>");
    assert.deepEqual(tokens.map((token) => pieceOf(token, engine)), ["<s>", " w7", "</s>"]);
    const plain = await engine.tokenize("w7", { begins: false });
    assert.deepEqual([plain.length, await written(plain, engine)], [1, " w7"]);
  }));

Deno.test("llama.cpp's prompt of a chat is told as text, and what people wrote stays in it", () =>
  using(DEMO_MODEL, {}, async ({ engine }) => {
    const { chat_template, eos_token } = engine.template;
    assert.ok(chat_template.includes("messages"), chat_template);
    const content = `a${eos_token}b`;
    const messages = [{ role: "user" as const, content }];
    const { text, tokens } = await readPrompt({ messages }, engine);
    assert.ok(text?.includes(content), text);
    // Its tokenizer begins texts with a space.
    assert.equal((await written(tokens, engine)).replaceAll(" ", ""), `<s>${text}`);
  }));

Deno.test("llama.cpp reads marks of thoughts in a prompt only if the request says so", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "script.gguf");
    const template = "{% for m in messages %}{% if m.reasoning_content %}" +
      "<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content }}{% endfor %}";
    const userDefined = ["<think>", "</think>", "   "];
    writeScriptModel(model, { scripts: ["x"], template, userDefined });
    await using(model, {}, async ({ engine }) => {
      const tokens = async (prompt: string, special?: boolean) =>
        (await readPrompt({ prompt, special }, engine)).tokens;
      const [open, close, spaces] = await engine.tokenizeMarks("<think></think>   ");
      const text = "a<think>b</think>   c";
      const plain = await tokens(text);
      assert.ok(!plain.includes(open!) && !plain.includes(close!), `${plain}`);
      assert.ok(plain.includes(spaces!), `${plain}`);
      assert.equal(engine.detokenize(plain), text);
      assert.deepEqual((await tokens(text, true)).filter((id) => plain.includes(id) === false), [
        ...[open, close],
      ]);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("llama.cpp fills a gap, and goes on in the middle of what it filled in", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "gap.gguf");
    writeGapModel(model);
    await using(model, {}, async ({ generate, engine }) => {
      const fields = { prompt: "w3", suffix: "w9 <|fim_middle|>", max_tokens: 20 };
      const events = await generate(fields);
      assert.equal(textOf(events), count(1, 9));
      assert.equal(endOf(events).stop_reason, "EOS");
      const resumed = await generate({ ...fields, resume_tokens: idsOf(events).slice(0, 4) });
      assert.equal(textOf(resumed), count(5, 9));
      assert.equal(textOf(await generate({ ...fields, prompt: "", suffix: "" })), count(1, 9));

      const marks = findGapTokens((await readGgufFileInfo(model)).metadata.tokenizer.ggml);
      const context_files = [{ filename: "a.ts", text: "w1" }];
      const { tokens: whole } = await readPrompt({ ...fields, context_files }, engine);
      assert.deepEqual(whole.slice(0, 2), [1, marks.repository]);
      assert.deepEqual(
        whole.filter((id) => id >= marks.prefix!),
        [marks.repository, marks.file, marks.file, marks.prefix, marks.suffix, marks.middle],
      );
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a model without tokens for a gap refuses a suffix by name", () =>
  using(counterModel(), {}, async ({ generate }) => {
    await assert.rejects(generate({ prompt: "w1", suffix: "w3" }), fieldIs("suffix"));
    await assert.rejects(generate({ prompt: "w1", suffix: "w3" }), /cannot fill in the middle/);
  }));

const source = await llamaSource();

Deno.test({
  name: `vocabularies of code models have their marks${
    "why" in source ? ` (skipped: ${source.why})` : ""
  }`,
  ignore: "why" in source,
  async fn() {
    const { folder } = source as { folder: string };
    const fim = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"];
    const deepseek = ["<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"];
    const all = {
      "starcoder": [...fim, undefined, undefined],
      "refact": [...fim, "<reponame>", undefined],
      "deepseek-coder": [...deepseek, undefined, undefined],
      "llama-bpe": Array(5).fill(undefined),
    };
    for (const [name, expected] of Object.entries(all)) {
      const path = join(folder, "models", `ggml-vocab-${name}.gguf`);
      const { metadata } = await readGgufFileInfo(path, { logWarnings: false });
      const ggml = metadata.tokenizer.ggml;
      const texts = Object.values(findGapTokens(ggml))
        .map((id) => id === undefined ? undefined : ggml.tokens[id]);
      assert.deepEqual(texts, expected, name);
    }
  },
});
