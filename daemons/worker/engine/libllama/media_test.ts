import assert from "node:assert/strict";
import { join } from "node:path";
import type { WorkerEvent } from "#shared/contracts/events.ts";
import { dataUrl, IMAGES, png } from "../../../../tests/support/images.ts";
import { seededRandom } from "../../../../tests/support/random.ts";
import {
  type Eyes,
  IMAGE_TOKENS,
  TINY_EYES,
  TINY_QWEN_EYES,
  writeProjector,
  writeSeeingModel,
} from "../../../../tests/support/vision_model.ts";
import { idsOf, textOf } from "../../testing/generator.ts";
import { endOf, fieldIs, type Opened, type Options, using } from "../../testing/llama.ts";
import { whyNoMedia } from "../../testing/media.ts";

const reason = whyNoMedia();

/** A test with a tiny model that sees, which has LLaVA's projector if not given. */
function test(
  name: string,
  { eyes = TINY_EYES, ...options }: Options & { readonly eyes?: Eyes },
  work: (opened: Opened) => Promise<void>,
): void {
  Deno.test({
    name: reason === undefined ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "llorch-eyes-" });
      try {
        const [model, projector] = [join(folder, "eyes.gguf"), join(folder, "mmproj-eyes.gguf")];
        writeSeeingModel(model, eyes);
        writeProjector(projector, eyes);
        await using(model, { projector, ...options }, work);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

const picture = (red: number, size = 32) => png(size, size, (x, y) => [red, x * 7, y * 5]);
const image = (file: Uint8Array) => ({ type: "image_url", image_url: { url: dataUrl(file) } });
const text = (text: string) => ({ type: "text", text });

/** A chat of one message. */
const ask = (...content: unknown[]) => ({
  ...{ prompt: undefined, max_tokens: 8, temperature: 0 },
  messages: [{ role: "user", content }],
});
const cachedOf = (events: readonly WorkerEvent[]) => endOf(events).tokens_cached;

test("a second question about a picture reads it from the slot", {}, async ({ generate }) => {
  const cat = image(picture(9));
  const cold = await generate(ask(cat, text(" w1 w2")));
  const again = await generate(ask(cat, text(" w1 w2")));
  assert.equal(textOf(again), textOf(cold));
  assert.equal(cachedOf(again), endOf(cold).tokens_in - 1);
  const other = await generate(ask(cat, text(" w3")));
  assert.ok(cachedOf(other)! > IMAGE_TOKENS, `${cachedOf(other)} tokens`);
  // A picture that begins as another is none of it.
  const dog = await generate(ask(image(picture(240)), text(" w1 w2")));
  assert.ok(cachedOf(dog)! < IMAGE_TOKENS, `${cachedOf(dog)} tokens`);
  assert.notEqual(textOf(dog), textOf(cold));
});

for (const [positions, eyes] of [["", TINY_EYES], [", with M-RoPE", TINY_QWEN_EYES]] as const) {
  test(
    `what follows a picture does not depend on what the slot had before${positions}`,
    { eyes, slots: 1 },
    async ({ generate }) => {
      const random = seededRandom(3);
      const upTo = (most: number) => Math.floor(random() * most);
      const chats = Array.from({ length: 8 }, () =>
        ask(
          ...Array.from({ length: 1 + upTo(3) }, () => image(picture(upTo(2)))),
          text(` w${upTo(2)}`),
          ...(upTo(2) ? [image(picture(upTo(2))), text(` w${upTo(3)}`)] : []),
        ));
      const said = new Map<string, string>();
      for (let round = 0; round < 40; round++) {
        const chat = chats[upTo(chats.length)]!;
        const key = JSON.stringify(chat);
        const answer = textOf(await generate(chat));
        assert.equal(answer, said.get(key) ?? answer);
        said.set(key, answer);
      }
    },
  );

  test(
    `an answer about a picture goes on from the tokens that it has${positions}`,
    { eyes, slots: 1 },
    async ({ generate }) => {
      const chat = ask(image(picture(77)), text(" w5"));
      const whole = await generate(chat);
      await generate(ask(text(" w9")));
      const ids = idsOf(whole).slice(0, 3);
      const rest = await generate({ ...chat, resume_tokens: ids, resume_index: ids.length });
      assert.deepEqual(idsOf(rest), idsOf(whole).slice(3));
    },
  );

  test(
    `pictures and texts in several slots at once are answered as alone${positions}`,
    { eyes, slots: 4 },
    async ({ generate }) => {
      const chats = [
        ask(image(picture(1)), text(" w5")),
        ask(text(" w7 w8")),
        ask(text(" w1"), image(picture(2)), text(" w2"), image(picture(3)), text(" w3")),
        ask(image(picture(1)), text(" w6")),
      ];
      const alone: string[] = [];
      for (const chat of chats) alone.push(textOf(await generate(chat)));
      const together = await Promise.all(
        [...chats, ...chats].map((chat) => generate(chat)),
      );
      assert.deepEqual(together.map(textOf), [...alone, ...alone]);
    },
  );
}

test("what cannot be decoded is refused by the name of its part", {}, async ({ generate }) => {
  const refused = (file: Uint8Array, why: RegExp) =>
    assert.rejects(generate(ask(text("a"), image(file))), (error: Error) => {
      assert.match(JSON.stringify(error) + error.message, why);
      return fieldIs("messages.0.content.1")(error);
    });
  await refused(picture(1).subarray(0, 60), /damaged PNG/);
  await refused(Uint8Array.of(1, 2, 3), /is not a PNG/);
  await refused(IMAGES.gif.subarray(0, 30), /damaged GIF/);
  await refused(IMAGES.bmp.subarray(0, 80), /damaged BMP/);
  const cached = await generate(ask(image(picture(1)), text("a")));
  assert.equal(endOf(cached).tokens_out, 8);
});

test("tokens of pictures are counted, and have no text", {}, async ({ engine }) => {
  const { messages } = ask(image(picture(1)), text("a"));
  assert.equal(engine.media !== undefined, true);
  const taken = await engine.media!.image(picture(1));
  assert.equal(taken.tokens.filter((token) => token < 0).length, IMAGE_TOKENS);
  taken.release();
  assert.equal(messages.length, 1);
});
