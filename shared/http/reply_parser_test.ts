import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { TransportError } from "./client.ts";
import { ReplyParser } from "./reply_parser.ts";

/** The reply that comes in pieces of a size, and whether it is whole when the connection ends. */
function parsed(text: string, size: number) {
  const parser = new ReplyParser();
  const bytes = Buffer.from(text);
  const body: Buffer[] = [];
  let status: number | undefined;
  let isDone = false;
  let isFree = false;
  for (let at = 0; at < bytes.length; at += size) {
    const piece = parser.feed(bytes.subarray(at, at + size));
    body.push(...piece.body);
    ({ status, isDone, isFree } = piece);
  }
  return { status, isDone, isFree, body: Buffer.concat(body).toString(), endsWell: parser.end() };
}

const CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n";

Deno.test("a reply is the same in whatever pieces it comes", () => {
  const cases: readonly (readonly [text: string, expected: ReturnType<typeof parsed>])[] = [
    [
      `${CHUNKED}5\r\nhello\r\n1;x=y\r\n \r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n`,
      { status: 200, isDone: true, isFree: true, body: "hello 0123456789", endsWell: true },
    ],
    [
      `HTTP/1.1 100 Continue\r\n\r\n${CHUNKED}2\r\nok\r\n0\r\n\r\n`,
      { status: 200, isDone: true, isFree: true, body: "ok", endsWell: true },
    ],
    [
      "HTTP/1.1 429 Too Many Requests\r\ncontent-length: 4\r\n\r\nbusy",
      { status: 429, isDone: true, isFree: true, body: "busy", endsWell: true },
    ],
    [
      "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
      { status: 200, isDone: true, isFree: true, body: "", endsWell: true },
    ],
    [
      "HTTP/1.1 204 No Content\r\n\r\n",
      { status: 204, isDone: true, isFree: true, body: "", endsWell: true },
    ],
    ["HTTP/1.0 200 OK\r\n\r\nall", {
      status: 200,
      isDone: false,
      isFree: false,
      body: "all",
      endsWell: true,
    }],
    [
      `${CHUNKED}5\r\nhel`,
      { status: 200, isDone: false, isFree: false, body: "hel", endsWell: false },
    ],
    [
      "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbusy",
      { status: 200, isDone: false, isFree: false, body: "busy", endsWell: false },
    ],
  ];
  for (const [text, expected] of cases) {
    for (const size of [1, 2, 3, 7, 1000]) assert.deepEqual(parsed(text, size), expected);
  }
});

Deno.test("what is no reply of HTTP is refused, and not waited for", () => {
  const cases: readonly (readonly [text: string, message: RegExp])[] = [
    ["SSH-2.0-OpenSSH\r\n\r\n", /begins with "SSH/],
    ["HTTP/1.1 20 OK\r\n\r\n", /begins with/],
    ["HTTP/2 200\r\n\r\n", /begins with/],
    [`HTTP/1.1 200 OK\r\nx: ${"a".repeat(70_000)}`, /head is too long/],
    ["HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", /content-length/],
    ["HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", /content-length/],
    ["HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", /transfer-encoding/],
    [`${CHUNKED}zz\r\n`, /size is "zz"/],
    [`${CHUNKED}fffffffff\r\n`, /size is/],
    [`${CHUNKED}2\r\nabc\r\n`, /longer than its size/],
    [`${CHUNKED}${"0".repeat(2000)}`, /too long/],
  ];
  for (const [text, message] of cases) {
    for (const size of [1, 1000, 100_000]) {
      assert.throws(() => parsed(text, size), (error) => {
        assert.ok(error instanceof TransportError, String(error));
        assert.match(error.message, message);
        return true;
      });
    }
  }
});
