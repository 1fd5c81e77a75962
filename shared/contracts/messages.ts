import { z } from "zod";
import { defined } from "../json.ts";
import { audioPart, type Content, contentOf, imagePart, type MediumPart } from "./images.ts";
import { functionName, type ToolCall } from "./tools.ts";

/** Most messages of a chat, and most parts and calls of one message. */
const MAX_MESSAGES = 4096;

const text = z.object({ type: z.literal("text"), text: z.string() });

/** Says which part it is that is not supported. */
const unknownPart = ({ input }: { readonly input?: unknown }) => {
  const { type } = Object(input) as { type?: unknown };
  if (type === "image_url") return "an image can only be in a message of the user or of a tool";
  if (type === "input_audio") return "sound can only be in a message of the user or of a tool";
  if (type === "input_image" || type === "image") return "write images as parts of type image_url";
  return typeof type === "string"
    ? `parts of type ${type.slice(0, 64)} are not supported`
    : "must be a part of type text";
};

const textPart = z.discriminatedUnion("type", [text], { error: unknownPart });
const anyPart = z.discriminatedUnion("type", [text, imagePart, audioPart], { error: unknownPart });

/** Text, or parts of it; null is the same as empty. */
export const messageText = z.union([z.string(), z.array(textPart).max(MAX_MESSAGES), z.null()], {
  error: "must be text, or a list of parts of type text",
}).meta({ description: "A text or its parts, each of which gets a line; null: empty" });

/** Text, images and sound; null is the same as empty. */
export const messageContent = z.union([z.string(), z.array(anyPart).max(MAX_MESSAGES), z.null()], {
  error: "must be text, or a list of parts of type text, image_url or input_audio",
}).meta({
  description: "A text, or texts, images and sounds, each text of which gets a line; null: empty",
});

const id = z.string().max(256).nullish();

/** A call of an earlier turn, in any shape that clients write. */
const pastCall = z.object({
  id: id.meta({ description: "Absent, null or empty: that of its result, or a made one" }),
  type: z.literal("function").default("function"),
  function: z.object({
    name: functionName,
    // PHP writes an empty object as a list.
    arguments: z.union(
      [z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown()).max(0), z.null()],
      { error: "must be JSON text or an object" },
    ).optional().meta({ description: "JSON text or an object; null, absent or empty: none" }),
  }),
}).meta({ id: "PastToolCall" });

/** Fields of an assistant's turn. */
export const assistantShape = {
  content: messageText.optional()
    .meta({ description: "null, absent or empty: it has only calls, or only thoughts" }),
  reasoning_content: z.string().nullish().meta({
    description: "Its thoughts; most chat templates leave out those of earlier turns",
  }),
  tool_calls: z.array(pastCall).max(MAX_MESSAGES).nullish(),
};

/** Fields of a tool's result. */
export const resultShape = {
  content: messageContent,
  tool_call_id: id.meta({ description: "Absent or empty: results are in the order of the calls" }),
  name: z.string().max(256).nullish()
    .meta({ description: "The function's name, for templates that write it" }),
};

/** One turn of a chat. The model's own template makes a prompt of all turns. */
const givenMessage = z.discriminatedUnion("role", [
  z.strictObject({ role: z.literal("system"), content: messageText }),
  z.strictObject({ role: z.literal("user"), content: messageContent }),
  z.strictObject({ role: z.literal("assistant"), ...assistantShape }),
  z.strictObject({ role: z.literal("tool"), ...resultShape }),
]).meta({ id: "Message" });

/** A turn of a chat as a client writes it. */
export type GivenMessage = z.output<typeof givenMessage>;

/** A turn of a chat. */
export type Message =
  | { readonly role: "system"; readonly content: string }
  | { readonly role: "user"; readonly content: Content }
  | {
    readonly role: "assistant";
    readonly content: string;
    readonly reasoning_content?: string;
    /** Not empty. */
    readonly tool_calls?: ToolCall[];
  }
  | {
    readonly role: "tool";
    readonly content: Content;
    readonly tool_call_id?: string;
    readonly name?: string;
  };

/** A turn of a chat without images and sound. */
export type TextMessage = Message & { readonly content: string };

/** The turns of a chat, in any shape that clients write. */
export const messages = z.array(givenMessage).min(1).max(MAX_MESSAGES).transform(readMessages);

/** The turns in one shape: texts alone are joined, what says nothing is left out, and calls have ids. */
function readMessages(given: readonly GivenMessage[]): Message[] {
  return given.map((message, index): Message => {
    switch (message.role) {
      case "system":
        return { role: message.role, content: joined(message.content) };
      case "user":
        return { role: message.role, content: contentIn(message.content) };
      case "assistant": {
        const { reasoning_content, tool_calls } = message;
        return {
          role: message.role,
          content: joined(message.content),
          ...defined({ reasoning_content: reasoning_content ?? undefined }),
          ...(tool_calls?.length ? { tool_calls: readCalls(tool_calls, given, index) } : {}),
        };
      }
      case "tool": {
        const { content, tool_call_id, name } = message;
        const given = { tool_call_id: tool_call_id || undefined, name: name || undefined };
        return { role: message.role, content: contentIn(content), ...defined(given) };
      }
    }
  });
}

type GivenContent = string | null | undefined | readonly (z.output<typeof text> | MediumPart)[];

function contentIn(content: GivenContent): Content {
  return typeof content === "string" ? content : contentOf(content ?? []);
}

function joined(content: z.output<typeof messageText> | undefined): string {
  return typeof content === "string" ? content : (content ?? []).map(({ text }) => text).join("\n");
}

/**
 * The calls of the message at this index. One without an id gets that of the result that answers it,
 * if no other call has it, or one of its place in the chat, since some templates require ids.
 */
function readCalls(
  calls: readonly z.output<typeof pastCall>[],
  messages: readonly GivenMessage[],
  index: number,
): ToolCall[] {
  const known = new Set(calls.map(({ id }) => id));
  const results: (string | null | undefined)[] = [];
  for (let at = index + 1; messages[at]?.role === "tool"; at++) {
    const { tool_call_id } = messages[at] as GivenMessage & { role: "tool" };
    if (!tool_call_id || !known.has(tool_call_id)) results.push(tool_call_id);
  }
  return calls.map(({ id, type, function: { name, arguments: given } }, place) => ({
    id: id || (results.shift() || `call_${index}_${place}`),
    type,
    function: {
      name,
      arguments: typeof given === "string"
        ? given
        : JSON.stringify(Array.isArray(given) ? {} : given ?? {}),
    },
  }));
}
