import assert from "node:assert/strict";
import { join } from "node:path";
import { imageAt } from "#shared/contracts/images.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { type Given, readOptions } from "../options.ts";
import { dataUrl, IMAGES } from "../../tests/support/images.ts";
import { SOUNDS } from "../../tests/support/sounds.ts";
import { SUBMIT_OPTIONS } from "./options.ts";
import { readImage, readSound } from "./read_media.ts";
import { submissionOf as submissionOfOptions } from "./request.ts";

const submissionOf = (prompt: string, given: Given) =>
  submissionOfOptions(prompt, readOptions(SUBMIT_OPTIONS, given));

Deno.test("submissionOf() leaves out options that were not given", () => {
  assert.deepEqual(submissionOf("hi", { model: "demo" }), {
    body: { model: "demo", prompt: "hi", detached: false },
    headers: {},
  });
});

Deno.test("submissionOf() with --chat sends a message", () => {
  const options = { model: "demo", chat: true, stop: ["a", "b"], idempotencyKey: "k" };
  assert.deepEqual(submissionOf("hi", options), {
    body: {
      model: "demo",
      messages: [{ role: "user", content: "hi" }],
      stop: ["a", "b"],
      detached: false,
    },
    headers: { "idempotency-key": "k" },
  });
});

Deno.test("submissionOf() names every option that is wrong", () => {
  const options = { model: "demo", temperature: "999", maxTokens: "0.5", priority: "x" };
  assert.throws(() => submissionOf("hi", options), (error) => {
    assert.ok(error instanceof UsageError);
    assert.match(error.message, /--max-tokens .*; --temperature .*; --priority /);
    return true;
  });
});

Deno.test("submissionOf() sends sampling options with their types", () => {
  const option = [
    ...["top_k=20", "mirostat=2", "mirostat_tau=4.5", "samplers=kt", "ignore_eos=true"],
    ...['dry_sequence_breakers=["\\n", "="]', 'logit_bias={"5": -100}'],
  ];
  const { body } = submissionOf("hi", { model: "demo", option });
  assert.deepEqual(body, {
    ...{ model: "demo", prompt: "hi", detached: false },
    ...{ top_k: 20, mirostat: 2, mirostat_tau: 4.5, samplers: "kt", ignore_eos: true },
    ...{ dry_sequence_breakers: ["\n", "="], logit_bias: { 5: -100 } },
  });
});

Deno.test("submissionOf() refuses sampling options that are wrong, with what would be right", () => {
  const cases: [string[], RegExp][] = [
    [["top_k"], /^--option must be NAME=VALUE, such as top_k=20: found "top_k"$/],
    [["=3"], /^--option must be NAME=VALUE/],
    [
      ["tpo_k=3"],
      /^--option tpo_k is not known: options are dry_allowed_length, .*, xtc_threshold$/,
    ],
    [["temperature=1"], /^--option temperature is --temperature$/],
    [["top_k=1", "top_k=2"], /^--option top_k is given twice$/],
    [["top_k=many"], /^--option top_k /],
    [["mirostat=3"], /^--option mirostat must be 0, 1 or 2$/],
    [["samplers=infill"], /^--option samplers /],
    [["top_p=2", "min_keep=-1"], /^--option top_p .*; --option min_keep /],
  ];
  for (const [option, message] of cases) {
    assert.throws(() => submissionOf("hi", { model: "demo", option }), (error) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, message);
      return true;
    });
  }
});

Deno.test("submissionOf() sends how hard to think, which needs --chat", () => {
  const options = { model: "demo", reasoningEffort: "low", reasoningBudget: "100" };
  const { body } = submissionOf("hi", { ...options, chat: true });
  assert.equal(body.reasoning_effort, "low");
  assert.equal(body.reasoning_budget_tokens, 100);
  assert.throws(() => submissionOf("hi", options), /--reasoning-effort needs --chat/);
  assert.throws(
    () => submissionOf("hi", { model: "demo", chat: true, reasoningBudget: "-1" }),
    /--reasoning-budget /,
  );
});

Deno.test("submissionOf() sends images before the prompt, which needs --chat", () => {
  const options = readOptions(SUBMIT_OPTIONS, { model: "demo", chat: true, image: ["a.png"] });
  const url = "data:image/png;base64,aGk=";
  const { body } = submissionOfOptions("hi", options, [imageAt(url)]);
  assert.deepEqual(body.messages, [{
    role: "user",
    content: [
      { type: "image_url", image_url: { url } },
      { type: "text", text: "hi" },
    ],
  }]);
  assert.throws(
    () => submissionOf("hi", { model: "demo", image: ["a.png"] }),
    /--image needs --chat/,
  );
  assert.throws(
    () => submissionOf("hi", { model: "demo", audio: ["a.wav"] }),
    /--audio needs --chat/,
  );
});

Deno.test("readImage() reads an image, or names the file and what is wrong with it", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const [image, text] = [join(dir, "a.bin"), join(dir, "b.png")];
    await Deno.writeFile(image, IMAGES.gif);
    await Deno.writeTextFile(text, "hi");
    assert.deepEqual(await readImage(image), imageAt(dataUrl(IMAGES.gif, "image/gif")));
    await assert.rejects(
      readImage(text),
      /--image: .*b\.png is not a PNG, JPEG, WebP, GIF or BMP file/,
    );
    await assert.rejects(readImage(join(dir, "none.png")), /--image: cannot read .*none\.png/);
    await assert.rejects(readSound(join(dir, "none.wav")), /--audio: cannot read .*none\.wav/);
    const sound = join(dir, "a.mp3");
    await Deno.writeFile(sound, SOUNDS.mono);
    const data = SOUNDS.mono.toBase64();
    const part = { type: "input_audio", input_audio: { data, format: "mp3" } };
    assert.deepEqual(await readSound(sound), part);
    await assert.rejects(readSound(image), /--audio: .* is not a WAV or MP3 file/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
