import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { ROOT as TOKEN, withGuarded } from "../../daemons/orchestratord/testing/guarded.ts";
import { accessible, browserTest, keep, signIn, withBrowser } from "../support/browser.ts";
import { SOUNDS, tone, wav } from "../support/sounds.ts";
import { until } from "../support/stack.ts";

async function visit(page: Page, name: string): Promise<void> {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

browserTest("models with the same name are distinguished by their references", async () => {
  await withGuarded({}, async ({ url, pool: open }) => {
    const pool = await open();
    const state = pool.state();
    const models = ["a", "b"].map((folder) => ({
      ...state.models[0]!,
      model_ref: `file:/${folder}/alpha.gguf`,
      aliases: ["alpha"],
      fingerprint: folder.repeat(64),
    }));
    pool.state = () => ({ ...state, models_revision: 2, models });
    await pool.register();
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      await visit(page, "Models");
      for (const { model_ref } of models) {
        const card = page.getByRole("article", { name: `Model ${model_ref}` });
        await card.getByRole("button", { name: `Load ${model_ref}`, exact: true }).waitFor();
        await card.getByText("Another model claims these names too: alpha").waitFor();
      }
      await visit(page, "Playground");
      await page.getByLabel("Model").selectOption("file:/b/alpha.gguf");
      const code = page.locator(".code pre");
      assert.match(await code.innerText(), /"model": "file:\/b\/alpha.gguf"/);
      await page.getByLabel("Message").fill("1");
      const sent = page.waitForRequest("**/v1/chat/completions");
      await page.keyboard.press("Enter");
      assert.equal((await sent).postDataJSON().model, "file:/b/alpha.gguf");
    });
  });
});

browserTest(
  "the playground enforces its form's bounds, and says when the service does not answer",
  async () => {
    await withGuarded({}, async ({ url, pool }) => {
      await pool();
      await withBrowser(async (browser) => {
        const page = await browser.open(url);
        await signIn(page, TOKEN);
        await visit(page, "Playground");
        await page.route("**/v1/chat/completions", (route) => route.abort("connectionrefused"));
        const message = page.getByLabel("Message");
        await page.getByLabel("Temperature").fill("5");
        await message.fill("Hello");
        await page.keyboard.press("Enter");
        // The invalid field has the focus, and the browser shows a message beside it.
        assert.equal(await page.evaluate("document.activeElement.matches(':invalid')"), true);
        assert.equal(await message.inputValue(), "Hello");
        assert.equal(await page.locator(".turn").count(), 0);
        await page.getByLabel("Temperature").fill("0.75");
        await message.focus();
        const sent = page.waitForRequest("**/v1/chat/completions");
        await page.keyboard.press("Enter");
        assert.equal((await sent).postDataJSON().temperature, 0.75);
        await page.getByRole("alert").getByText("orchestratord does not answer").waitFor();
        await accessible(page);
      });
    });
  },
);

browserTest("a chat survives a visit to another page, and is gone after a sign-out", async () => {
  await withGuarded({}, async ({ url, pool: open, key }) => {
    const pool = await open();
    pool.holdLoads = true;
    const { secret } = await key({ name: "laptop" });
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, secret);
      await visit(page, "Playground");
      await page.getByLabel("Max tokens").fill("3");
      await page.getByLabel("Message").fill("w7");
      await page.keyboard.press("Enter");
      await page.locator(".turn.user").getByText("w7", { exact: true }).waitFor();
      await visit(page, "Jobs");
      // The answer continues while the page is not shown.
      await until("the model is loading", () => pool.workers.size > 0);
      await pool.ready();
      await until("the chat is answered", () => pool.only().executions.length > 0);
      await visit(page, "Playground");
      await page.locator(".turn.assistant p").getByText("w1 w2 w3").waitFor();
      await page.getByText(/^3 tokens in .*, first after .*, cut off at its limit$/).waitFor();
      await page.getByLabel("Message").fill("half a thought");
      await visit(page, "Events");
      await visit(page, "Playground");
      assert.equal(await page.getByLabel("Message").inputValue(), "half a thought");
      await page.getByRole("button", { name: "Sign out" }).click();
      await signIn(page, TOKEN);
      await page.getByText("Ask something.").waitFor();
      assert.equal(await page.getByLabel("Message").inputValue(), "");
      assert.equal(await page.locator(".turn").count(), 0);
    });
  });
});

browserTest("thoughts are folded, calls grow, and their results go back to the model", async () => {
  await withGuarded({}, async ({ url, pool: open }) => {
    const pool = await open();
    const part = (t: string, name?: string) => ({
      ...{ t, ids: [1], channel: "call" as const },
      call: { index: 0, ...(name ? { id: "abcdefgh1", name } : {}) },
    });
    pool.tokens = 4;
    pool.onSpawn = (_, worker) => {
      worker.script = [
        { t: "The weather is not known to me.", ids: [1], channel: "reasoning" },
        { t: "I look.", ids: [1] },
        part("", "weather"),
        part('{"city": '),
        part('"Bern"}'),
      ];
      worker.endFields = { stop_reason: "TOOL_CALLS", reasoning_tokens: 1 };
    };
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      await visit(page, "Playground");
      const tools = page.getByLabel("Tools");
      await tools.fill("{");
      await page.getByRole("alert").getByText(/^Tools are not JSON: /).waitFor();
      await page.getByLabel("Message").fill("How is the weather in Bern?");
      assert.equal(await page.getByRole("button", { name: "Send" }).isDisabled(), true);
      const tool = { type: "function", function: { name: "weather" } };
      await tools.fill(JSON.stringify([tool]));
      await page.getByLabel("Thinking").selectOption("low");
      const options = page.getByLabel("Further options");
      await options.fill("[");
      await page.getByRole("alert").getByText(/^Options are not JSON: /).waitFor();
      await options.fill('{"mirostat": 2, "samplers": "kt"}');
      const asked = page.waitForRequest("**/v1/chat/completions");
      await page.getByRole("button", { name: "Send" }).click();
      const body = (await asked).postDataJSON();
      assert.deepEqual([body.reasoning_effort, body.tools], ["low", [tool]]);
      assert.deepEqual([body.mirostat, body.samplers], [2, "kt"]);

      await page.locator(".call code").getByText('{"city":', { exact: true }).waitFor();
      pool.only().allow(Infinity);
      await page.locator(".call code").getByText('{"city": "Bern"}', { exact: true }).waitFor();
      const thoughts = page.getByText("The weather is not known to me.");
      assert.equal(await thoughts.isVisible(), false);
      await page.getByText("Thoughts", { exact: true }).click();
      await thoughts.waitFor();
      await page.getByText(/, 1 of them thinking, .*, calls a function$/).waitFor();
      await accessible(page);

      pool.only().script = [{ t: "It rains.", ids: [1] }];
      pool.only().endFields = { stop_reason: "EOS" };
      await page.getByLabel("Result of weather").fill("rain");
      const answered = page.waitForRequest("**/v1/chat/completions");
      await page.keyboard.press("Enter");
      assert.deepEqual((await answered).postDataJSON().messages.slice(1), [
        {
          role: "assistant",
          content: "I look.",
          reasoning_content: "The weather is not known to me.",
          tool_calls: [{
            ...{ id: "abcdefgh1", type: "function" },
            function: { name: "weather", arguments: '{"city": "Bern"}' },
          }],
        },
        { role: "tool", content: "rain", tool_call_id: "abcdefgh1" },
      ]);
      await page.locator(".turn.assistant p").getByText("It rains.").waitFor();
      await keep(page, "playground_calls");
    });
  });
});

/** A picture of one red point, so that a browser shows it. */
const POINT =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

browserTest("images are shown, sent and left out of the code", async () => {
  await withGuarded({}, async ({ url, pool: open }) => {
    const pool = await open();
    pool.onSpawn = (_, worker) => worker.script = [{ t: "A point.", ids: [1] }];
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      await visit(page, "Playground");
      await page.getByLabel("Message").fill("hi");
      assert.equal(await page.getByText("Add images").count(), 0, "the model reads only text");

      pool.vision = true;
      await pool.register();
      await page.reload();
      await visit(page, "Playground");
      const file = {
        name: "point.png",
        mimeType: "image/png",
        buffer: Buffer.from(POINT, "base64"),
      };
      await page.getByLabel("Add images").setInputFiles([file, file]);
      const image = page.getByRole("list", { name: "Attached" }).locator("img");
      await image.nth(1).waitFor();
      await page.getByRole("button", { name: "Remove image 2" }).click();
      await image.nth(1).waitFor({ state: "detached" });
      assert.equal(await image.evaluate((it: { naturalWidth: number }) => it.naturalWidth), 1);
      assert.match(await page.locator(".code pre").innerText(), /"data:image\/png;base64,…"/);
      await accessible(page);
      const asked = page.waitForRequest("**/v1/chat/completions");
      await page.getByRole("button", { name: "Send" }).click();
      assert.deepEqual((await asked).postDataJSON().messages, [{
        role: "user",
        content: [{
          type: "image_url",
          image_url: { url: `data:image/png;base64,${POINT}` },
        }],
      }]);
      await page.locator(".turn.user img").waitFor();
      await page.locator(".turn.assistant p").getByText("A point.").waitFor();
      await keep(page, "playground_images");
      assert.equal(pool.only().executions.length, 1);

      await page.getByLabel("Add images").setInputFiles([
        { ...file, buffer: Buffer.from("no image") },
      ]);
      await page.getByLabel("Message").fill("and this?");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").getByText(/is not a PNG, JPEG, WebP, GIF or BMP file/)
        .waitFor();
      assert.equal(await page.getByLabel("Message").inputValue(), "and this?", "it can be changed");
      await page.getByRole("button", { name: "Remove image 1" }).click();
      await page.getByRole("button", { name: "Send" }).click();
      await page.locator(".turn.assistant").nth(1).waitFor();
    });
  });
});

browserTest("sounds are played in the chat, sent and left out of the code", async () => {
  await withGuarded({}, async ({ url, pool: open }) => {
    const pool = await open();
    pool.onSpawn = (_, worker) => worker.script = [{ t: "A tone.", ids: [1] }];
    pool.audio = true;
    await pool.register();
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      await visit(page, "Playground");
      await page.getByText("Add sounds").waitFor();
      assert.equal(await page.getByText("Add images").count(), 0, "the model sees nothing");
      const [low, mp3] = [wav(tone(440, 0.5)), SOUNDS.mono];
      await page.getByLabel("Add sounds").setInputFiles([
        { name: "a.wav", mimeType: "audio/wav", buffer: Buffer.from(low) },
        { name: "b.mp3", mimeType: "audio/mpeg", buffer: Buffer.from(mp3) },
        { name: "c.txt", mimeType: "text/plain", buffer: Buffer.from("no sound") },
      ]);
      const attached = page.getByRole("list", { name: "Attached" }).locator("audio");
      await attached.nth(1).waitFor();
      assert.equal(await attached.count(), 2);
      const lengthOf = (at: number) =>
        attached.nth(at).evaluate((it: { duration: number }) => it.duration);
      await until("the browser can play them", async () => await lengthOf(1) > 0);
      assert.equal(await lengthOf(0), 0.5);
      assert.match(await page.locator(".code pre").innerText(), /"data": "…",\s+"format": "mp3"/);
      await accessible(page);
      await page.getByLabel("Message").fill("What is it?");
      const asked = page.waitForRequest("**/v1/chat/completions");
      await page.getByRole("button", { name: "Send" }).click();
      assert.deepEqual((await asked).postDataJSON().messages, [{
        role: "user",
        content: [
          { type: "input_audio", input_audio: { data: low.toBase64(), format: "wav" } },
          { type: "input_audio", input_audio: { data: mp3.toBase64(), format: "mp3" } },
          { type: "text", text: "What is it?" },
        ],
      }]);
      assert.equal(await page.locator(".turn.user audio").count(), 2);
      await page.locator(".turn.assistant p").getByText("A tone.").waitFor();
      await keep(page, "playground_sounds");

      await page.getByLabel("Add sounds").setInputFiles([
        { name: "d.wav", mimeType: "audio/wav", buffer: Buffer.from("no sound") },
      ]);
      await page.getByRole("button", { name: "Send" }).click();
      await page.getByRole("alert").getByText(/is not a WAV or MP3 file/).waitFor();
      await page.getByRole("button", { name: "Remove sound 1" }).click();
      await attached.waitFor({ state: "detached" });
    });
  });
});
