import assert from "node:assert/strict";
import {
  type BatchObject,
  batchObject,
  type FileObject,
  fileObject,
} from "#shared/contracts/mod.ts";
import { until } from "../../../tests/support/stack.ts";

/** An orchestrator. */
export type At = { readonly url: string };
/** A JSON object. */
export type Fields = Record<string, unknown>;

/** Calls a path of `/v1`. */
export async function call(
  { url }: At,
  method: string,
  path: string,
  body?: Fields | FormData,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Fields & { error?: { code: string; message: string } } }> {
  const isForm = body instanceof FormData;
  const reply = await fetch(`${url}/v1${path}`, {
    method,
    headers: { ...(body && !isForm ? { "content-type": "application/json" } : {}), ...headers },
    ...(body ? { body: isForm ? body : JSON.stringify(body) } : {}),
  });
  return { status: reply.status, body: await reply.json() };
}

/** A form that uploads a file. */
export function form(text: string, purpose = "batch", name = "in.jsonl"): FormData {
  const fields = new FormData();
  fields.set("purpose", purpose);
  fields.set("file", new Blob([text]), name);
  return fields;
}

/** Uploads a file of requests. */
export async function upload(at: At, text: string, headers = {}): Promise<FileObject> {
  const { status, body } = await call(at, "POST", "/files", form(text), headers);
  assert.equal(status, 200, JSON.stringify(body));
  return fileObject.parse(body);
}

/** Starts a batch of lines, each a body or a whole line as text. */
export async function begin(
  at: At,
  endpoint: string,
  bodies: readonly (Fields | string)[],
  headers = {},
): Promise<BatchObject> {
  const lines = bodies.map((body, index) =>
    typeof body === "string" ? body : line(`r${index + 1}`, body, endpoint)
  );
  const file = await upload(at, lines.join("\n"), headers);
  const { status, body } = await call(at, "POST", "/batches", {
    input_file_id: file.id,
    endpoint,
    completion_window: "24h",
    metadata: { night: "1" },
  }, headers);
  assert.equal(status, 200, JSON.stringify(body));
  return batchObject.parse(body);
}

/** A line of a file of requests. */
export function line(custom_id: string, body: Fields, url: string): string {
  return JSON.stringify({ custom_id, method: "POST", url, body: { model: "counter", ...body } });
}

/** A batch as it is now. */
export const get = async (at: At, id: string, headers = {}) =>
  batchObject.parse((await call(at, "GET", `/batches/${id}`, undefined, headers)).body);

/** Waits until a batch has ended. */
export async function ended(at: At, { id }: BatchObject, headers = {}): Promise<BatchObject> {
  const ends = ["completed", "failed", "expired", "cancelled"];
  await until(
    "the batch has ended",
    async () => ends.includes((await get(at, id, headers)).status),
  );
  return await get(at, id, headers);
}

/** A line of a batch's file. */
export interface ResultLine {
  readonly id: string;
  readonly custom_id: string | null;
  // deno-lint-ignore no-explicit-any
  readonly response: { status_code: number; request_id: string; body: any } | null;
  readonly error: { code: string; message: string } | null;
}

/** The lines of a batch's file. */
export async function results(
  { url }: At,
  fileId: string | null,
  headers = {},
): Promise<ResultLine[]> {
  if (fileId === null) return [];
  const reply = await fetch(`${url}/v1/files/${fileId}/content`, { headers });
  assert.equal(reply.status, 200);
  return (await reply.text()).split("\n").filter((each) => each !== "").map((each) =>
    JSON.parse(each)
  );
}
