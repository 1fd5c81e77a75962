import {
  flatFunction,
  givenSampling,
  type Message,
  type ResponsesRequest,
  type TaskRequest,
  type TaskRequestInput,
  type Tool,
} from "#shared/contracts/mod.ts";
import { invalidRequest } from "#shared/errors.ts";
import { type FieldNames, withLongest } from "../dialect/field_names.ts";
import { type NameSettings, seedOf, toTask } from "../dialect/task.ts";
import { functionTool } from "../dialect/function_tool.ts";

/** `include` of a client that wants probabilities. */
const LOGPROBS = "message.output_text.logprobs";

/** Converts a request to its task. */
export function responseTask(
  body: ResponsesRequest,
  messages: readonly Message[],
  settings?: NameSettings,
): TaskRequest {
  const given: Record<string, unknown> = {
    model: body.model,
    messages,
    max_tokens: body.max_output_tokens,
    ...toolFields(body),
    parallel_tool_calls: body.parallel_tool_calls,
    ...schemaFields(body.text?.format),
    reasoning_effort: body.reasoning?.effort,
    reasoning_budget_tokens: body.reasoning_budget_tokens,
    chat_template_kwargs: body.chat_template_kwargs,
    temperature: body.temperature,
    top_p: body.top_p,
    top_k: body.top_k,
    min_p: body.min_p,
    repetition_penalty: body.repetition_penalty ?? body.repeat_penalty,
    logit_bias: body.logit_bias,
    frequency_penalty: body.frequency_penalty,
    presence_penalty: body.presence_penalty,
    stop: body.stop,
    seed: seedOf(body.seed),
    ...givenSampling(body),
    logprobs: wantsLogprobs(body) ? body.top_logprobs ?? 0 : undefined,
  };
  const present = Object.entries(given).filter(([, value]) =>
    value !== undefined && value !== null
  );
  return toTask(Object.fromEntries(present) as Partial<TaskRequestInput>, settings);
}

/** What a response's request calls the fields of its task. */
export function responseNames(
  { input, instructions }: Pick<ResponsesRequest, "input" | "instructions">,
): FieldNames {
  return withLongest(NAMES, { input, instructions });
}

const NAMES = {
  messages: "input",
  max_tokens: "max_output_tokens",
  json_schema: "text.format.schema",
  reasoning_effort: "reasoning.effort",
  tools: "tools",
  logprobs: "top_logprobs",
};

function wantsLogprobs({ include, top_logprobs }: ResponsesRequest): boolean {
  return include?.includes(LOGPROBS) || (top_logprobs ?? 0) > 0;
}

/** The functions of a request; tools of other types run elsewhere, and are skipped. */
export function functionsOf(body: Pick<ResponsesRequest, "tools">): Tool[] {
  return (body.tools ?? []).filter(({ type }) => type === "function")
    .map((given) => functionTool(flatFunction.parse(given)));
}

function toolFields(body: ResponsesRequest): Partial<TaskRequestInput> {
  const { tool_choice: choice } = body;
  const functions = functionsOf(body);
  if (typeof choice === "object" && choice?.type === "allowed_tools") {
    const allowed = new Set(choice.tools.map(({ name }) => name));
    const tools = functions.filter(({ function: { name } }) => allowed.has(name));
    if (tools.length === 0) {
      const message = "allows no function that is there";
      throw invalidRequest([{ field: "tool_choice.tools", message }]);
    }
    return { tools, tool_choice: choice.mode };
  }
  const tools = functions.length > 0 ? { tools: functions } : {};
  if (typeof choice !== "object" || choice === null) {
    // Without functions, a model that may call some calls none.
    const isIdle = functions.length === 0 && choice !== "required";
    return { ...tools, ...(choice && !isIdle ? { tool_choice: choice } : {}) };
  }
  return { ...tools, tool_choice: { type: "function", function: { name: choice.name } } };
}

function schemaFields(
  format: NonNullable<ResponsesRequest["text"]>["format"],
): Partial<TaskRequestInput> {
  if (format?.type === "json_object") return { json_schema: { type: "object" } };
  if (format?.type !== "json_schema") return {};
  return { json_schema: format.schema, json_schema_strict: format.strict === true };
}
