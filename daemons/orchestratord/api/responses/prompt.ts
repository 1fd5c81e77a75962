import {
  type Content,
  contentOf,
  type HostedItem,
  imageAt,
  type InputItem,
  isHosted,
  type Message,
  type ShownPart,
  textOf,
} from "#shared/contracts/mod.ts";
import { invalidRequest } from "#shared/errors.ts";

/** An item of a conversation: no reference, and nothing of tools that run elsewhere. */
export type Item = Exclude<InputItem, { type: "item_reference" } | HostedItem>;

/** A turn of the assistant that is being put together: thoughts, text and calls are items of their own. */
interface Draft {
  thoughts: string[];
  texts: string[];
  calls: NonNullable<Extract<Message, { role: "assistant" }>["tool_calls"]>;
}

/** The messages of a conversation of items. */
export function messagesOf(items: readonly Item[], instructions?: string | null): Message[] {
  const messages: Message[] = instructions ? [{ role: "system", content: instructions }] : [];
  let draft: Draft | undefined;
  const flush = () => {
    if (draft) messages.push(turnOf(draft));
    draft = undefined;
  };
  /** The draft, a new one if what comes next cannot belong to the turn so far. */
  const next = (startsTurn: boolean): Draft => {
    if (startsTurn) flush();
    return draft ??= { thoughts: [], texts: [], calls: [] };
  };
  for (const item of items) {
    switch (item.type) {
      case "reasoning":
        next((draft?.calls.length ?? 0) > 0).thoughts.push(...thoughtsOf(item));
        break;
      case "function_call":
        next(false).calls.push(call(item.call_id, item.name, item.arguments));
        break;
      case "custom_tool_call":
        next(false).calls.push(
          call(item.call_id, item.name, JSON.stringify({ input: item.input })),
        );
        break;
      case "function_call_output":
      case "custom_tool_call_output":
        flush();
        messages.push({
          role: "tool",
          content: shownIn(item.output),
          tool_call_id: item.call_id,
        });
        break;
      case "message":
        if (item.role === "assistant") {
          next(hasSpoken(draft)).texts.push(textOf(shownIn(item.content)));
          break;
        }
        flush();
        messages.push(
          item.role === "user"
            ? { role: item.role, content: shownIn(item.content) }
            : { role: "system", content: textOf(shownIn(item.content)) },
        );
    }
  }
  flush();
  return messages;
}

/**
 * The items of a request, references replaced by what they name.
 *
 * @param known Earlier items by their ids.
 * @throws {LlorchError} `INVALID_REQUEST` for a reference to an item that is not known
 */
export function itemsOf(
  input: string | readonly InputItem[],
  known: ReadonlyMap<string, Item>,
): Item[] {
  if (typeof input === "string") return [{ type: "message", role: "user", content: input }];
  return input.flatMap((item, index): Item[] => {
    if (isHosted(item)) return [];
    if (item.type !== "item_reference") return [item];
    const named = known.get(item.id);
    if (named) return [named];
    throw invalidRequest([{
      field: `input.${index}.id`,
      message: `there is no item "${item.id.slice(0, 64)}" in previous_response_id's conversation`,
    }]);
  });
}

/** Whether a turn has text or calls: what a turn says after them is another turn. */
function hasSpoken(draft: Draft | undefined): boolean {
  return draft !== undefined && draft.texts.length + draft.calls.length > 0;
}

function turnOf({ thoughts, texts, calls }: Draft): Message {
  return {
    role: "assistant",
    content: texts.join("\n"),
    ...(thoughts.length > 0 ? { reasoning_content: thoughts.join("\n") } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

function call(id: string, name: string, text: string): Draft["calls"][number] {
  return { id, type: "function", function: { name, arguments: text } };
}

/** The texts of a thought, or of its summary if its maker shows no more. */
function thoughtsOf({ content, summary }: Extract<Item, { type: "reasoning" }>): string[] {
  const parts = content?.length ? content : summary ?? [];
  return parts.map(({ text }) => text);
}

/** Texts and images. */
function shownIn(content: string | readonly ShownPart[]): Content {
  if (typeof content === "string") return content;
  return contentOf(content.map((part) => {
    if (part.type === "input_image") return imageAt(part.image_url);
    return { type: "text", text: part.type === "refusal" ? part.refusal : part.text };
  }));
}
