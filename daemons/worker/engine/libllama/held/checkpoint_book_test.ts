import assert from "node:assert/strict";
import { CheckpointBook } from "./checkpoint_book.ts";

/** Keeps a checkpoint; returns its id, or undefined if none was begun. */
function keep(book: CheckpointBook, sequence: number, length: number, bytes = 10) {
  const begun = book.begin(sequence, length);
  if (begun) book.add(begun, bytes);
  return begun?.id;
}

Deno.test("the longest checkpoint is found that is no longer than what is shared", () => {
  const book = new CheckpointBook(1000);
  for (const length of [20, 50, 80]) keep(book, 0, length);
  keep(book, 1, 60);
  assert.equal(book.find(0, 79)?.length, 50);
  assert.equal(book.find(0, 80)?.length, 80);
  assert.equal(book.find(0, 19), undefined);
  assert.equal(book.find(1, 100)?.length, 60);
  assert.equal(keep(book, 0, 50), undefined, "there is one of that length");
});

Deno.test("a cut forgets what is longer than the rest", () => {
  const book = new CheckpointBook(1000);
  const [, longer] = [keep(book, 0, 20), keep(book, 0, 50)];
  keep(book, 1, 50);
  book.cut(0, 40);
  assert.equal(book.find(0, 100)?.length, 20);
  assert.equal(book.find(1, 100)?.length, 50);
  assert.deepEqual(book.takeForgotten(), [longer]);
  assert.deepEqual(book.takeForgotten(), []);
});

Deno.test("all checkpoints together take a bounded memory: those not used for longest go first", () => {
  const book = new CheckpointBook(30);
  const [first, second] = [keep(book, 0, 20), keep(book, 1, 20)];
  keep(book, 1, 40);
  book.use(book.find(0, 20)!);
  keep(book, 2, 20);
  assert.deepEqual(book.takeForgotten(), [second]);
  assert.equal(book.find(0, 20)?.id, first);
  assert.equal(book.bytes, 30);
});

Deno.test("a sequence has at most eight checkpoints", () => {
  const book = new CheckpointBook(1000);
  for (let length = 1; length <= 10; length++) keep(book, 0, length);
  assert.equal(book.find(0, 2), undefined);
  assert.equal(book.find(0, 3)?.length, 3);
  assert.equal(book.bytes, 80);
});

Deno.test("no checkpoint is begun where one does not fit, or none was kept", () => {
  assert.equal(new CheckpointBook(0).begin(0, 20), undefined);
  const book = new CheckpointBook(5);
  const id = keep(book, 0, 20);
  assert.deepEqual([book.bytes, book.find(0, 20), book.begin(0, 40)], [0, undefined, undefined]);
  assert.deepEqual(book.takeForgotten(), [id]);
  const other = new CheckpointBook(5);
  keep(other, 0, 20, 0);
  assert.equal(other.find(0, 20), undefined);
});
