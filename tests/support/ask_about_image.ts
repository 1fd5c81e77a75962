import assert from "node:assert/strict";
import { dataUrl } from "./images.ts";
import type { Service } from "./service.ts";
import { run, textOf } from "./stack.ts";

/** What the model of pictures says, and its tokens: those of the prompt, and its own. */
export type Answer = { readonly text: string; readonly read: number; readonly made: number };

/** Posts a body, as JSON. */
export async function post(
  { orchestratord: { url } }: Pick<Service, "orchestratord">,
  path: string,
  body: unknown,
) {
  const reply = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
  return { status: reply.status, body: await reply.json() };
}

/** How each API asks the model `eyes` what is on a PNG image, in base64. */
export const ASK_ABOUT_IMAGE: Readonly<
  Record<string, (service: Service, image: string) => Promise<Answer>>
> = {
  async chat(service, image) {
    const { status, body } = await post(service, "/v1/chat/completions", {
      ...{ model: "eyes", max_tokens: 8, temperature: 0 },
      messages: [{
        role: "user",
        content: [
          { type: "image_url", image_url: { url: `data:image/png;base64,${image}` } },
          { type: "text", text: "w5" },
        ],
      }],
    });
    assert.equal(status, 200, JSON.stringify(body));
    const { prompt_tokens: read, completion_tokens: made } = body.usage;
    return { text: body.choices[0].message.content, read, made };
  },
  async responses(service, image) {
    const { status, body } = await post(service, "/v1/responses", {
      ...{ model: "eyes", max_output_tokens: 8, temperature: 0, store: false },
      input: [{
        role: "user",
        content: [
          { type: "input_image", image_url: `data:image/png;base64,${image}` },
          { type: "input_text", text: "w5" },
        ],
      }],
    });
    assert.equal(status, 200, JSON.stringify(body));
    const { input_tokens: read, output_tokens: made } = body.usage;
    return { text: body.output[0].content[0].text, read, made };
  },
  async messages(service, image) {
    const { status, body } = await post(service, "/v1/messages", {
      ...{ model: "eyes", max_tokens: 8, temperature: 0 },
      messages: [{
        role: "user",
        content: [
          { type: "image", source: { type: "base64", media_type: "image/png", data: image } },
          { type: "text", text: "w5" },
        ],
      }],
    });
    assert.equal(status, 200, JSON.stringify(body));
    const { input_tokens, cache_read_input_tokens: cached, output_tokens: made } = body.usage;
    return { text: body.content[0].text, read: input_tokens + cached, made };
  },
  async ollama(service, image) {
    const { status, body } = await post(service, "/api/chat", {
      ...{ model: "eyes", stream: false, options: { num_predict: 8, temperature: 0 } },
      messages: [{ role: "user", content: "w5", images: [image] }],
    });
    assert.equal(status, 200, JSON.stringify(body));
    const { message, prompt_eval_count: read, eval_count: made } = body;
    return { text: message.content, read, made };
  },
  async tasks({ client }, image) {
    const events = await run(client, {
      ...{ model: "eyes", max_tokens: 8, temperature: 0 },
      messages: [{
        role: "user",
        content: [
          { type: "image_url", image_url: { url: dataUrl(Uint8Array.fromBase64(image)) } },
          { type: "text", text: "w5" },
        ],
      }],
    });
    const end = events.at(-1);
    assert.ok(end?.event === "end", JSON.stringify(end));
    return { text: textOf(events), read: end.data.tokens_in, made: end.data.tokens_out };
  },
};
