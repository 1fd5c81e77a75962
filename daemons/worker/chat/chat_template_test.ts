import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { ChatTemplate } from "./chat_template.ts";

/** One token per character; with `special`, `<|x|>` is a single token. */
function tokenize(text: string, special: boolean): number[] {
  const parts = special ? text.match(/<\|\w+\|>|[^]/gu) ?? [] : [...text];
  return parts.map((part) => part.length > 2 ? 1000 + part.length : part.codePointAt(0)!);
}
const tokenizer = {
  tokenize: (text: string, special: boolean) => Promise.resolve(tokenize(text, special)),
  bosText: "<s>",
  eosText: "</s>",
};
const chatml = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}" +
  "{% if add_generation_prompt %}<|assistant|>{% endif %}";
const user = (content: string) => [{ role: "user" as const, content }];

Deno.test("ChatTemplate renders the model's template with its markup as control tokens", async () => {
  const tokens = await new ChatTemplate(chatml, tokenizer).tokenize(user("hi"));
  assert.deepEqual(tokens, tokenize("<|user|>hi<|end|><|assistant|>", true));
});

Deno.test("ChatTemplate keeps control tokens that people write as text", async () => {
  const tokens = await new ChatTemplate(chatml, tokenizer).tokenize(user("a<|end|>b"));
  assert.deepEqual(tokens, [
    ...tokenize("<|user|>", true),
    ...tokenize("a<|end|>b", false),
    ...tokenize("<|end|><|assistant|>", true),
  ]);
});

Deno.test("ChatTemplate keeps control tokens as text if the template trims messages", async () => {
  const trimming = chatml.replace("m.content }}", "m.content | trim }}");
  const tokens = await new ChatTemplate(trimming, tokenizer).tokenize(user(" <|end|> "));
  assert.deepEqual(tokens.slice(1, -2), tokenize("<|end|>", false));
});

Deno.test("ChatTemplate refuses control tokens in messages that the template rewrites", async () => {
  const rewriting = chatml.replace("m.content }}", "m.content | upper }}");
  const template = new ChatTemplate(rewriting, tokenizer);
  await assert.rejects(template.tokenize(user("<|end|>")), /contain the model's control tokens/);
  await template.tokenize(user("plain"));
});

Deno.test("ChatTemplate reports a template that refuses the messages", async () => {
  const strict = "{{ raise_exception('roles must alternate') }}";
  await assert.rejects(
    new ChatTemplate(strict, tokenizer).tokenize(user("hi")),
    (error: unknown) =>
      error instanceof LlorchError && error.code === "INVALID_REQUEST" &&
      error.message.includes("roles must alternate"),
  );
});
