import assert from "node:assert/strict";
import { readLines } from "./lines.ts";

/** The lines of a stream that arrives in these pieces. */
async function lines(...pieces: (string | Uint8Array)[]): Promise<string[]> {
  const encoder = new TextEncoder();
  const stream = ReadableStream.from(
    pieces.map((piece) => typeof piece === "string" ? encoder.encode(piece) : piece),
  );
  return await Array.fromAsync(readLines(stream));
}

Deno.test("readLines() joins lines that arrive in pieces", async () => {
  assert.deepEqual(await lines("on", "e\ntw", "o\n"), ["one", "two"]);
});

Deno.test("readLines() returns a last line without a newline, and keeps empty lines", async () => {
  assert.deepEqual(await lines("one\n\ntwo"), ["one", "", "two"]);
  assert.deepEqual(await lines(), []);
});

Deno.test("readLines() removes the carriage return, also when it arrives alone", async () => {
  assert.deepEqual(await lines("one\r\ntwo\r", "\nthree"), ["one", "two", "three"]);
});

Deno.test("readLines() keeps a character whose bytes arrive separately", async () => {
  const bytes = new TextEncoder().encode("é\n");
  assert.deepEqual(await lines(bytes.slice(0, 1), bytes.slice(1)), ["é"]);
});

Deno.test("readLines() returns an endless line in pieces instead of buffering it all", async () => {
  const piece = "x".repeat(10_000);
  const got = await lines(piece, piece, piece, "\n");
  assert.deepEqual(got.map((line) => line.length), [20_000, 10_000]);
});
