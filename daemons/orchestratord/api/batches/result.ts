import { openaiError } from "#shared/contracts/mod.ts";
import type { LlorchError } from "#shared/errors.ts";
import type { Caller } from "#shared/http/app.ts";
import type { LineResult } from "../../store/batch_store.ts";
import { errorFor } from "../hide_paths.ts";

/** Which line of which batch. */
export interface LineName {
  readonly batchId: string;
  /** From 1. */
  readonly line: number;
  readonly customId: string | undefined;
}

/** Why lines are given up. */
export type GivenUp = "expired" | "cancelled";

const GIVEN_UP: Readonly<Record<GivenUp, string>> = {
  expired: "This request could not be executed before the completion window expired.",
  cancelled: "This request was not executed: the batch was cancelled.",
};

/** Names a request in logs: of letters, digits and dashes, as ids of requests are. */
export function requestIdOf({ batchId, line }: Omit<LineName, "customId">): string {
  return `${batchId.replace("_", "-")}-${line}`;
}

/** The result of a line that was answered. */
export function answered(name: LineName, body: unknown): LineResult {
  const response = { status_code: 200, request_id: requestIdOf(name), body };
  return { line: name.line, isError: false, result: written(name, response, null) };
}

/** The result of a line that was refused or failed, with the error that its route would reply. */
export function refused(
  name: LineName,
  error: LlorchError,
  caller: Caller | undefined,
): LineResult {
  const body = openaiError(errorFor(error, caller));
  const response = { status_code: error.status, request_id: requestIdOf(name), body };
  return { line: name.line, isError: true, result: written(name, response, null) };
}

/** The text for a line that was given up. */
export function givenUp(name: LineName, why: GivenUp): string {
  return written(name, null, { code: `batch_${why}`, message: GIVEN_UP[why] });
}

function written({ batchId, line, customId }: LineName, response: unknown, error: unknown): string {
  const id = `batch_req_${batchId.replace(/^batch_/, "")}_${line}`;
  return JSON.stringify({ id, custom_id: customId ?? null, response, error });
}
