import type { ServerResponse } from "node:http";
import { utf8Length } from "../utf8.ts";
import { headerRecord } from "./header_record.ts";

/**
 * A reply whose body is there as a whole. `listen()` writes it to the connection in one piece: to read the body of a
 * plain `Response` takes a web stream and several promise turns.
 */
export class WholeResponse extends Response {
  readonly whole: string;

  constructor(body: string, init?: ResponseInit) {
    super(body, init);
    this.whole = body;
  }

  /** As `Response.json()`. */
  static override json(value: unknown, init: ResponseInit = {}): WholeResponse {
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new WholeResponse(JSON.stringify(value), { ...init, headers });
  }
}

/** Writes a reply and ends it. */
export function writeWhole(
  { status, headers, whole }: WholeResponse,
  outgoing: ServerResponse,
): void {
  outgoing.writeHead(status, {
    ...headerRecord(headers),
    "content-length": utf8Length(whole),
  });
  outgoing.end(whole);
}
