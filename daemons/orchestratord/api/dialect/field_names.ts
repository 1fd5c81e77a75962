import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";

/**
 * What a client's request calls the fields that a task or a worker names in errors: for Ollama's
 * routes, `stop_token_ids` is `options.stop_token_ids`. Other fields have the same name in both.
 */
export interface FieldNames {
  /** The field that holds the prompt. */
  readonly prompt: string;
  readonly [field: string]: string;
}

/**
 * The names of a request whose prompt is made of several fields: where it is too long, the one that holds
 * most of it is named. Of equal ones, that is the first.
 *
 * @param fields The fields by name. They are measured only when an error needs it.
 */
export function withLongest(
  names: Readonly<Record<string, string>>,
  fields: Readonly<Record<string, unknown>>,
): FieldNames {
  const size = (value: unknown) =>
    typeof value === "string" ? value.length : value == null ? 0 : JSON.stringify(value).length;
  return {
    ...names,
    get prompt() {
      const sized = Object.entries(fields).map(([name, value]) => ({ name, size: size(value) }));
      return sized.reduce((longest, each) => each.size > longest.size ? each : longest).name;
    },
  };
}

/** Fields whose parts may be elsewhere in the client's request, or nowhere. */
const REARRANGED = new Set(["messages", "prompt", "prompt_tokens", "input", "documents", "tools"]);

/** A field as the client calls it. */
function named(field: string, names: FieldNames): string {
  const [first = ""] = field.split(".", 1);
  const name = Object.hasOwn(names, first) ? names[first] : undefined;
  if (name === undefined) return field;
  return REARRANGED.has(first) ? name : name + field.slice(first.length);
}

/**
 * An error of a task in the words of the request that it was made from. One about a prompt that is
 * too long names the field that holds the prompt.
 */
export function inWordsOf(names: FieldNames, error: LlorchError): LlorchError {
  const { code, message, details } = error;
  const errors = details?.["errors"] as readonly FieldError[] | undefined;
  if (code === "CONTEXT_LENGTH_EXCEEDED" && !errors) {
    const { prompt: field } = names;
    return changed(error, `${field}: ${message}`, [{ field, message }]);
  }
  if (code !== "INVALID_REQUEST" || !errors) return error;
  const renamed = errors.map(({ field, message }) => ({ field: named(field, names), message }));
  if (renamed.every(({ field }, index) => field === errors[index]!.field)) return error;
  return changed(error, invalidRequest(renamed).message, renamed);
}

/**
 * Does work for a request.
 *
 * @throws {LlorchError} that of the work, as {@linkcode inWordsOf} writes it
 */
export async function inItsWords<T>(names: FieldNames, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof LlorchError ? inWordsOf(names, error) : error;
  }
}

function changed(error: LlorchError, message: string, errors: readonly FieldError[]): LlorchError {
  const { code, cause, details, retriable, retryAfterMs } = error;
  return new LlorchError(code, message, {
    ...{ cause, retriable, details: { ...details, errors } },
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}
