import type { TaggedForm } from "../../chat/syntax.ts";
import { itemSchema, jsonOf, propertySchema, valueTypes } from "../../chat/value_types.ts";

/** What an element is called that is an array's item. */
const ITEM = "item";
/** Each level is looked through again. */
const MAX_DEPTH = 16;

/**
 * The JSON text of a value whose fields and items are elements as arguments are; undefined if it
 * has none.
 */
export function nestedJson(
  text: string,
  form: TaggedForm,
  schema: unknown,
  root: unknown,
  depth = 0,
): string | undefined {
  const elements = depth < MAX_DEPTH ? childElements(text, form) : [];
  if (elements.length === 0) return undefined;
  const valueOf = (content: string, child: unknown) =>
    nestedJson(content, form, child, root, depth + 1) ?? jsonOf(content, valueTypes(child, root));
  const types = valueTypes(schema, root);
  const isArray = types.has("array") || !types.has("object");
  if (isArray && elements.every(({ key }) => key === ITEM)) {
    const items = itemSchema(schema, root);
    return `[${elements.map(({ content }) => valueOf(content, items)).join(", ")}]`;
  }
  const fields = elements.map(({ key, content }) =>
    `${JSON.stringify(key)}: ${valueOf(content, propertySchema(schema, key, root))}`
  );
  return `{${fields.join(", ")}}`;
}

/** Elements that stand directly in a text. */
function childElements(text: string, form: TaggedForm): { key: string; content: string }[] {
  const elements = [];
  const [keyEnd = ""] = form.keyEnds;
  for (let at = 0;;) {
    const open = text.indexOf(form.key, at);
    if (open < 0) return elements;
    const keyAt = open + form.key.length;
    const contentAt = text.indexOf(keyEnd, keyAt) + keyEnd.length;
    if (contentAt < keyAt + keyEnd.length) return elements;
    const key = text.slice(keyAt, contentAt - keyEnd.length);
    const close = `${form.close}${key}${form.keyInClose}`;
    const end = text.indexOf(close, contentAt);
    if (end < 0) return elements;
    elements.push({ key, content: text.slice(contentAt, end) });
    at = end + close.length;
  }
}
