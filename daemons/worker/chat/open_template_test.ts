import assert from "node:assert/strict";
import { openChatTemplate } from "./open_template.ts";

const tokenizer = {
  tokenize: () => Promise.resolve([]),
  tokenizeNext: () => Promise.resolve([]),
  bosText: "<s>",
  eosText: "</s>",
  specials: new Map(),
};
const turns = [{ role: "user", content: "hi" }];
const open = (plain?: string, toolUse?: string) => openChatTemplate({ plain, toolUse }, tokenizer);

Deno.test("openChatTemplate() gives a model without a template ChatML, and says so", () => {
  const { template, warning } = open();
  assert.equal(
    template?.render(turns),
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
  );
  assert.match(warning!, /has no chat template/);
});

Deno.test("openChatTemplate() takes a template of white space for none", () => {
  for (const [plain, toolUse] of [[""], [" \n\t"], ["", ""], [undefined, " "]] as const) {
    const { template, warning } = open(plain, toolUse);
    assert.match(template!.render(turns), /^<\|im_start\|>user\nhi/);
    assert.match(warning!, /has an empty chat template; chats are written as ChatML/);
  }
  const { template, warning } = open(" ", "{{ messages[0].content }}!");
  assert.equal(template?.render(turns), "hi!");
  assert.equal(warning, undefined);
  assert.equal(open("{{ messages[0].content }}", "").template?.render(turns, [{}]), "hi");
});

Deno.test("openChatTemplate() says what is wrong with a template", () => {
  const { template, warning } = open("{% if %}");
  assert.equal(template, undefined);
  assert.match(warning!, /Cannot read the model's chat template: .*line 1/);
  assert.match(open("{{ raise_exception('no') }}").warning!, /fails on a plain chat: no/);
  assert.equal(open("{{ messages[0].content }}").warning, undefined);
});

Deno.test("openChatTemplate() takes the template for tools where it is the only one", () => {
  assert.equal(open(undefined, "{{ messages[0].content }}!").template?.render(turns), "hi!");
});
