import { createHash } from "node:crypto";
import { type Content, type TaskRequest, urlOf } from "#shared/contracts/mod.ts";
import type { NewJob } from "../scheduler/state.ts";
import { tokensAtMost } from "./prompt_size.ts";

/** Lengths of the beginnings of a prompt that are compared, in characters, longest first. */
const PREFIX_LENGTHS = [16_384, 4096, 1024, 256];

/** Messages by which a chat is known again: an answer, results of some calls, and what is asked then. */
const TURNS = 6;

/** Characters per token in usual text. */
const CHARACTERS_PER_TOKEN = 4;

/** What the scheduler must know of a task: its size, and keys that it shares with similar tasks. */
export function demandOf(
  task: TaskRequest,
  fingerprint: string,
  tenant: string,
): Pick<NewJob, "tokensIn" | "tokensAtMost" | "maxTokens" | "affinity"> {
  const text = promptText(task);
  return {
    tokensIn: task.prompt_tokens?.length ?? Math.ceil(text.length / CHARACTERS_PER_TOKEN),
    tokensAtMost: tokensAtMost(task),
    maxTokens: task.max_tokens,
    affinity: [
      ...(task.session_id === undefined ? [] : [keyOf(fingerprint, tenant, task.session_id)]),
      ...turnKeys(task, fingerprint),
      ...PREFIX_LENGTHS.filter((length) => text.length >= length)
        .map((length) => keyOf(fingerprint, text.slice(0, length))),
    ],
  };
}

/**
 * Keys of a chat up to each of its last messages, longest first. The next turn of the chat has the same ones, so
 * that it comes to the worker that read them, though other chats have the same long beginning. The first
 * message alone is no chat yet.
 */
function turnKeys({ messages = [] }: TaskRequest, fingerprint: string): string[] {
  if (messages.length < 2) return [];
  const keys: string[] = [];
  let before = fingerprint;
  for (const { role, content } of messages) {
    before = keyOf(before, role, linesOf(content));
    keys.push(before);
  }
  return keys.slice(1).slice(-TURNS).reverse();
}

/** The prompt as text, so that chats with the same beginning begin alike. */
function promptText(task: TaskRequest): string {
  if (task.prompt !== undefined) return task.prompt;
  return task.prompt_tokens?.join(" ") ??
    (task.messages ?? []).map(({ role, content }) => `${role}\n${linesOf(content)}\n`).join("");
}

/** Content as text, with the hash of an image or sound in its place. */
function linesOf(content: Content): string {
  if (typeof content === "string") return content;
  return content.map((part) => part.type === "text" ? part.text : urlOf(part)).join("\n");
}

/** A short hash in place of content that may be long and must not be kept. */
function keyOf(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\n")).digest("base64").slice(0, 22);
}
