import { entriesOf } from "./alternative.ts";
import type { Making } from "./in_turns.ts";
import { TooMuchWork } from "./nfa.ts";
import { isSchema, type Schema } from "./schema.ts";
import type { SchemaCheck } from "./schema_check.ts";
import type { Alternative, Node } from "./schema_reader.ts";
import type { ValueContext } from "./value_context.ts";

/**
 * The value of a property.
 *
 * @returns undefined if no value satisfies it; "forbidden" if it is required but only one of
 * several schemas would have it
 */
export function* propertyValue(
  name: string,
  alternative: Alternative,
  depth: number,
  isRequired: boolean,
  context: ValueContext,
): Making<string | undefined> {
  const { unheld, reader, check } = context;
  const nodes = new Set<Node>();
  let isDeclared = false;
  const closed: Node[] = [];
  for (const node of alternative) {
    const { schema, at } = node;
    const own: [schema: unknown, at: string][] = [];
    if (isSchema(schema["properties"]) && Object.hasOwn(schema["properties"], name)) {
      own.push([schema["properties"][name], `${at}.properties.${name}`]);
    }
    for (const [pattern, value] of entriesOf(schema["patternProperties"])) {
      if (check.matches(pattern, name)) {
        own.push([value, `${at}.patternProperties.${pattern}`]);
      }
    }
    if (own.length > 0) isDeclared = true;
    else if (schema["additionalProperties"] === false) closed.push(node);
    else if (schema["additionalProperties"] !== undefined) {
      own.push([schema["additionalProperties"], `${at}.additionalProperties`]);
    }
    for (const [value, place] of own) {
      const found = reader.nodesOf(value, place);
      if (!found) return undefined;
      for (const each of found) nodes.add(each);
    }
    if (schema["propertyNames"] !== undefined && !allowsName(schema, name, check)) {
      return undefined;
    }
  }
  if (closed.length > 0) {
    if (!isRequired) return undefined;
    // One schema wants what another forbids: no object satisfies both, and many mean one.
    unheld.leave(closed, isDeclared ? "additionalProperties" : "required");
    if (!isDeclared) return "forbidden";
  }
  return yield* context.value([...nodes], depth + 1);
}

function allowsName(schema: Schema, name: string, check: SchemaCheck): boolean {
  try {
    return check.isValid(schema["propertyNames"], name);
  } catch (error) {
    if (error instanceof TooMuchWork) return true;
    throw error;
  }
}
