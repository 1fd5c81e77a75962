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
export async function refusedField(
  { tools, kwargs }: Trial,
  fails: (trial: Trial) => Promise<boolean>,
): Promise<string | undefined> {
  if (await fails({ tools: [], kwargs: {} })) return undefined;
  if (await fails({ tools: [], kwargs })) {
    for (const name of Object.keys(kwargs)) {
      const alone = { [name]: kwargs[name] };
      if (await fails({ tools: [], kwargs: alone })) return `chat_template_kwargs.${name}`;
    }
    return "chat_template_kwargs";
  }
  const failsWith = (tool: unknown) => fails({ tools: [tool], kwargs });
  for (const [index, tool] of tools.entries()) {
    if (!await failsWith(tool)) continue;
    return `tools.${index}.function${await refusedPart(tool, failsWith)}`;
  }
  return undefined;
}

/** The part of a tool's function that cannot be written, as a path. */
async function refusedPart(
  tool: unknown,
  fails: (tool: unknown) => Promise<boolean>,
): Promise<string> {
  if (!isRecord(tool) || !isRecord(tool["function"])) return "";
  const { parameters, ...rest } = tool["function"];
  const withParameters = (parameters: unknown) => ({ ...tool, function: { ...rest, parameters } });
  const empty = { type: "object", properties: {}, required: [] };
  if (!isRecord(parameters) || await fails(withParameters(empty))) return "";
  const { properties } = parameters;
  if (!isRecord(properties)) return ".parameters";
  for (const name of Object.keys(properties).slice(0, MOST_PROPERTIES)) {
    const alone = { ...empty, properties: { [name]: properties[name] } };
    if (await fails(withParameters(alone))) return `.parameters.properties.${name}`;
  }
  return ".parameters";
}
