import { isRecord } from "#shared/json.ts";

/** Most properties of a tool that are tried one by one. */
const MOST_PROPERTIES = 64;

/** Inputs of a small chat. */
export interface Trial {
  readonly tools: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
}

/**
 * The field of a request that its chat template cannot write, as far as small chats with parts of it
 * tell: a variable, a tool, its parameters, or one of them. Undefined if it is none of these.
 *
 * @param fails whether the template fails on a small chat with these tools and variables
 */
export function refusedField(
  { tools, kwargs }: Trial,
  fails: (trial: Trial) => boolean,
): string | undefined {
  if (fails({ tools: [], kwargs: {} })) return undefined;
  if (fails({ tools: [], kwargs })) {
    const name = Object.keys(kwargs)
      .find((name) => fails({ tools: [], kwargs: { [name]: kwargs[name] } }));
    return name === undefined ? "chat_template_kwargs" : `chat_template_kwargs.${name}`;
  }
  const failsWith = (tool: unknown) => fails({ tools: [tool], kwargs });
  const index = tools.findIndex(failsWith);
  if (index === -1) return undefined;
  return `tools.${index}.function${refusedPart(tools[index], failsWith)}`;
}

/** The part of a tool's function that cannot be written, as a path. */
function refusedPart(tool: unknown, fails: (tool: unknown) => boolean): string {
  if (!isRecord(tool) || !isRecord(tool["function"])) return "";
  const { parameters, ...rest } = tool["function"];
  const withParameters = (parameters: unknown) => ({ ...tool, function: { ...rest, parameters } });
  const empty = { type: "object", properties: {}, required: [] };
  if (!isRecord(parameters) || fails(withParameters(empty))) return "";
  const { properties } = parameters;
  if (!isRecord(properties)) return ".parameters";
  const name = Object.keys(properties).slice(0, MOST_PROPERTIES).find((name) =>
    fails(withParameters({ ...empty, properties: { [name]: properties[name] } }))
  );
  return name === undefined ? ".parameters" : `.parameters.properties.${name}`;
}
