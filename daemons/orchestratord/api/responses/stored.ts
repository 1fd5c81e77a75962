import type { ResponsesRequest } from "#shared/contracts/mod.ts";
import { invalidRequest, LlorchError } from "#shared/errors.ts";
import { parseExactJson } from "#shared/exact_json.ts";
import type { Caller } from "#shared/http/app.ts";
import type { Orchestrator } from "../../service.ts";
import type { ResponseRow } from "../../store/response_store.ts";
import { mayTouch } from "../own_jobs.ts";
import type { Item } from "./prompt.ts";

/** What is kept of a request. */
export interface KeptRequest {
  /** The items that the client sent, each with an id. */
  readonly items: readonly Item[];
  /** The rest of the request, for a response whose job still runs. */
  readonly body?: ResponsesRequest;
}

/** A conversation that a response continues, oldest item first. */
export interface Conversation {
  readonly items: readonly Item[];
  /** Ids of the responses in it. */
  readonly responses: readonly string[];
}

/** The error for a response that is unknown, expired, not kept, or another key's. */
export function responseNotFound(id: string): LlorchError {
  return new LlorchError(
    "NOT_FOUND",
    `Cannot find response "${id.slice(0, 100)}": it was not stored, has expired or was deleted`,
  );
}

/**
 * A stored response that a caller may see.
 *
 * @throws {LlorchError} `NOT_FOUND`
 */
export async function ownResponse(
  { store }: Pick<Orchestrator, "store">,
  id: string,
  caller: Caller | undefined,
): Promise<ResponseRow> {
  const row = await store.responses.get(id);
  if (!row || !mayTouch(caller, row.tenant)) throw responseNotFound(id);
  return row;
}

/**
 * The conversation up to a response and with it.
 *
 * @throws {LlorchError} `NOT_FOUND` if one of it is not there, `CONFLICT` if one has not ended, or
 * `INVALID_REQUEST` if it is too long
 */
export async function conversationOf(
  orchestrator: Pick<Orchestrator, "store" | "config">,
  id: string,
  caller: Caller | undefined,
): Promise<Conversation> {
  const { max_chain, max_chain_bytes } = orchestrator.config.responses;
  const rows: ResponseRow[] = [];
  let bytes = 0;
  for (let next: string | undefined = id; next !== undefined;) {
    const row = await ownResponse(orchestrator, next, caller);
    if (row.response === undefined) {
      throw new LlorchError("CONFLICT", `Cannot continue response "${row.id}": it has not ended`);
    }
    rows.push(row);
    bytes += row.request.length + row.response.length;
    if (rows.length > max_chain || bytes > max_chain_bytes) {
      const message = `continues more than ${max_chain} responses or ${max_chain_bytes} bytes: ` +
        "send the conversation as input";
      throw invalidRequest([{ field: "previous_response_id", message }]);
    }
    next = row.previousId;
  }
  rows.reverse();
  return { items: rows.flatMap(itemsIn), responses: rows.map((row) => row.id) };
}

/** What a client sent for a response. Items that came without ids get some that are made from its id. */
export function requestOf({ id, request }: Pick<ResponseRow, "id" | "request">): KeptRequest {
  const { items, ...rest } = parseExactJson(request) as KeptRequest;
  return { ...rest, items: withIds(items, id) };
}

function itemsIn(row: ResponseRow): Item[] {
  const { output } = parseExactJson(row.response!) as { output: readonly Item[] };
  return [...requestOf(row).items, ...output];
}

/** Items with ids: those of the client, or made from the response's id. */
function withIds(items: readonly Item[], responseId: string): Item[] {
  return items.map((item, index) => ({
    ...item,
    id: item.id || `${responseId.replace(/^resp_/, "in_")}_${index}`,
  }));
}

/** Items by their ids. */
export function byId(items: readonly Item[]): Map<string, Item> {
  return new Map(items.flatMap((item) => item.id ? [[item.id, item] as const] : []));
}
