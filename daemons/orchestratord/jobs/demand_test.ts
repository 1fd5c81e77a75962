import assert from "node:assert/strict";
import { taskRequest, type TaskRequestInput } from "#shared/contracts/mod.ts";
import { demandOf } from "./demand.ts";

const demand = (task: Partial<TaskRequestInput>, fingerprint = "f", tenant = "t") =>
  demandOf(taskRequest.parse({ model: "m", ...task }), fingerprint, tenant);

Deno.test("demandOf() gives chats with the same beginning a common key, and others none", () => {
  const system = { role: "system" as const, content: "be brief ".repeat(200) };
  const ask = (content: string) => demand({ messages: [system, { role: "user", content }] });
  const [one, other] = [ask("one"), ask("other")];
  assert.notEqual(one.affinity[0], other.affinity[0], "each is a chat of its own");
  assert.deepEqual(one.affinity.slice(1), other.affinity.slice(1));
  assert.equal(one.affinity.length, 3, "the chat, 1024 and 256 characters");
  const elsewhere = demand({ prompt: `x${"be brief ".repeat(200)}` });
  assert.equal(one.affinity.filter((key) => elsewhere.affinity.includes(key)).length, 0);
});

Deno.test("demandOf() knows the next turn of a chat before another chat with the same beginning", () => {
  const system = { role: "system" as const, content: "be brief ".repeat(200) };
  const said = (role: "user" | "assistant", content: string) => ({ role, content });
  const first = [system, said("user", "one")];
  const [chat] = demand({ messages: first }).affinity;
  const next = demand({ messages: [...first, said("assistant", "a"), said("user", "two")] });
  assert.equal(next.affinity.indexOf(chat!), 2, "behind the longer ones");
  assert.ok(next.affinity.length > 4, "before the prefixes");
  const other = [system, said("user", "other"), said("assistant", "a"), said("user", "two")];
  assert.ok(!demand({ messages: other }).affinity.includes(chat!));
  assert.ok(!demand({ messages: other }, "g").affinity.includes(chat!));
});

Deno.test("demandOf() knows a session by its tenant and model, before any prefix", () => {
  const task = { prompt: "a".repeat(300), session_id: "s" };
  const [session, prefix] = demand(task).affinity;
  assert.equal(demand({ prompt: "b", session_id: "s" }).affinity[0], session);
  assert.notEqual(demand(task, "f", "somebody").affinity[0], session);
  assert.notEqual(demand(task, "g").affinity[0], session);
  assert.equal(demand(task, "f", "somebody").affinity[1], prefix);
});

Deno.test("demandOf() counts given tokens exactly and estimates those of a text", () => {
  assert.equal(demand({ prompt_tokens: [1, 2, 3] }).tokensIn, 3);
  assert.equal(demand({ prompt: "x".repeat(41) }).tokensIn, 11);
  assert.equal(demand({ prompt: "x", max_tokens: 7 }).maxTokens, 7);
});
