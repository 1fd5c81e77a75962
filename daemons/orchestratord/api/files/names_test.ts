import assert from "node:assert/strict";
import fc from "fast-check";
import { contentDisposition, fileName } from "./names.ts";

Deno.test("the name of a file has no folder, and only characters that are seen", () => {
  assert.equal(fileName("requests.jsonl"), "requests.jsonl");
  assert.equal(fileName("../../etc/passwd"), "passwd");
  assert.equal(fileName("C:\\data\\a b.jsonl"), "a b.jsonl");
  assert.equal(fileName("a\r\nX: y\u0000\u202e.jsonl"), "aX: y.jsonl");
  assert.equal(fileName("\ud800é.jsonl"), "\ufffdé.jsonl");
  for (const none of ["", "..", "a/", "\n", " "]) assert.equal(fileName(none), "file");
  assert.equal(fileName("x".repeat(300)).length, 255);
});

Deno.test("any name is one header, and is found in it", () => {
  assert.equal(
    contentDisposition('a "1" (é).jsonl'),
    "attachment; filename=\"a _1_ ___.jsonl\"; filename*=UTF-8''a%20%221%22%20%28%C3%A9%29.jsonl",
  );
  fc.assert(fc.property(fc.string({ unit: "binary" }), (given) => {
    const name = fileName(given);
    const header = contentDisposition(name);
    assert.match(header, /^attachment; filename="[A-Za-z0-9._ -]*"; filename\*=UTF-8''[!-~]*$/);
    assert.equal(decodeURIComponent(header.split("UTF-8''")[1]!), name);
  }));
});
