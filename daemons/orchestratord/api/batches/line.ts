import { z } from "zod";
import { checked } from "#shared/config/field_errors.ts";
import type { BatchEndpoint } from "#shared/contracts/mod.ts";
import { MAX_JSON_LEVELS } from "#shared/defaults.ts";
import { type FieldError, invalidRequest, LlorchError } from "#shared/errors.ts";
import { parseExactJson } from "#shared/exact_json.ts";
import { isRecord } from "#shared/json.ts";
import { hasMoreLevels } from "#shared/json_levels.ts";

/** A request of a batch, of which only the body is not checked yet. */
export interface LineRequest {
  readonly customId: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Longest `custom_id`, in characters: all of a batch are remembered while it runs. */
const MAX_ID = 256;

const line = z.looseObject({
  custom_id: z.string().min(1).max(MAX_ID),
  method: z.literal("POST"),
  url: z.string(),
  body: z.record(z.string(), z.unknown()),
});

/** The JSON value of a line. */
export interface LineValue {
  readonly value: unknown;
  /** Undefined if the line has none that is valid. */
  readonly customId: string | undefined;
}

/**
 * @param exact Names of the fields in which numbers keep their digits.
 * @throws {LlorchError} `INVALID_REQUEST` if it is not JSON, or nested too deep
 */
export function parseLine(bytes: Uint8Array, exact: readonly string[] = []): LineValue {
  let value: unknown;
  try {
    value = parseExactJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes), exact);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "it is not valid UTF-8";
    throw invalidRequest([{ field: "", message: `the line is not JSON: ${reason}` }]);
  }
  if (hasMoreLevels(value, MAX_JSON_LEVELS)) {
    const message = `the line has more than ${MAX_JSON_LEVELS} levels`;
    throw invalidRequest([{ field: "", message }]);
  }
  const id = line.shape.custom_id.safeParse(isRecord(value) ? value["custom_id"] : undefined);
  return { value, customId: id.data };
}

/** The `custom_id` of a line; undefined if it has none that is valid. */
export function customIdOf(bytes: Uint8Array): string | undefined {
  try {
    return parseLine(bytes).customId;
  } catch (error) {
    if (error instanceof LlorchError) return undefined;
    throw error;
  }
}

/**
 * Checks a line but for what its endpoint checks.
 *
 * @throws {LlorchError} `INVALID_REQUEST` that names the wrong fields
 */
export function checkLine(value: unknown, endpoint: BatchEndpoint): LineRequest {
  const result = checked(line, value);
  if (!("data" in result)) throw invalidRequest(result.errors);
  const { custom_id: customId, url, body } = result.data;
  const errors: FieldError[] = [];
  if (url !== endpoint) {
    errors.push({ field: "url", message: `must be the endpoint of the batch, ${endpoint}` });
  }
  for (const field of ["stream", "background"]) {
    if (body[field] !== true) continue;
    errors.push({ field: `body.${field}`, message: "is not possible in a batch" });
  }
  if (errors.length > 0) throw invalidRequest(errors);
  return { customId, body };
}
