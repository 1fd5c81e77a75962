import type { ExecuteRequest } from "#shared/contracts/request.ts";
import { demandedTools, offeredTools, type ToolCall } from "#shared/contracts/tools.ts";
import type { Logger } from "#shared/logging.ts";
import { checkAnswer } from "./check_answer.ts";
import type { Place } from "./detail.ts";
import type { Schema } from "./schema.ts";
import { argumentsSchema } from "./tool_grammar.ts";

/** The fields of a request that say what its answer must satisfy. */
type ValidationFields = Pick<
  ExecuteRequest,
  "job_id" | "json_schema" | "json_schema_strict" | "tools" | "tool_choice"
>;

/** A finished answer: its text without thoughts and calls, and its calls. */
interface FinishedAnswer {
  readonly text: string;
  readonly calls: readonly ToolCall[];
}

/**
 * Checks a finished answer against its schemas.
 *
 * @returns undefined if nothing was to be checked, or not all of it could be
 */
export type Validate = (answer: FinishedAnswer) => boolean | undefined;

/**
 * The check of a request's answer. It covers what the grammar does not hold: of the request's
 * schema, of the parameters of functions that must be called, and of those with `strict: true`.
 *
 * @param unheld Places that the grammar does not hold; undefined if there is no grammar, or one of
 * another program.
 * @returns undefined if nothing is to be checked
 */
export function validationOf(
  request: ValidationFields,
  unheld: readonly Place[] | undefined,
  log: Logger,
): Validate | undefined {
  const { json_schema, json_schema_strict } = request;
  const isLeft = (place: Place) =>
    unheld?.some((each) => `${each}.`.startsWith(`${place}.`)) ?? true;
  const isTextChecked = json_schema_strict !== false && isLeft("json_schema");
  const schema = isTextChecked ? json_schema : undefined;
  const parameters = parametersToCheck(request, isLeft);
  if (schema === undefined && parameters.size === 0) return undefined;
  return ({ text, calls }) => {
    let isValid: boolean | undefined;
    for (const part of partsToCheck({ text, calls }, schema, parameters)) {
      const { valid, errors, unchecked } = checkAnswer(part.schema, part.text);
      if (errors.length > 0) {
        log.debug("answer_invalid", {
          job_id: request.job_id,
          part: part.name,
          errors: errors.length,
        });
        return false;
      }
      if (!valid || unchecked.length > 0) return undefined;
      isValid = true;
    }
    return isValid;
  };
}

/** The same check of an answer whose text the request began. */
export function validationOfWhole(
  begun: string | undefined,
  validate: Validate | undefined,
): Validate | undefined {
  if (begun === undefined || validate === undefined) return validate;
  return ({ text, calls }) => validate({ text: begun + text, calls });
}

/** Schemas of the calls that are to be checked, by the function's name. */
function parametersToCheck(
  request: ValidationFields,
  isLeft: (place: Place) => boolean,
): ReadonlyMap<string, Schema> {
  const { tools = [] } = request;
  const demanded = demandedTools(request);
  const checked = (demanded ?? offeredTools(request)).filter((tool) =>
    demanded
      ? isLeft(`tools.${tools.indexOf(tool)}.function.parameters`)
      : tool.function.strict === true
  );
  return new Map(checked.map((tool) => [tool.function.name, argumentsSchema(tool)]));
}

/** An answer is either calls or text. */
function partsToCheck(
  { text, calls }: FinishedAnswer,
  schema: Schema | undefined,
  parameters: ReadonlyMap<string, Schema>,
): readonly { readonly name: string; readonly text: string; readonly schema: Schema }[] {
  if (calls.length === 0) return schema === undefined ? [] : [{ name: "text", text, schema }];
  return calls.flatMap(({ function: { name, arguments: given } }, index) => {
    const own = parameters.get(name);
    return own === undefined ? [] : [{ name: `call ${index}`, text: given, schema: own }];
  });
}
