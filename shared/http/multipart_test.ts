import assert from "node:assert/strict";
import fc from "fast-check";
import { LlorchError } from "../errors.ts";
import { readField, readForm } from "./multipart.ts";

const encoder = new TextEncoder();

/** A request whose body arrives in pieces. */
function request(
  pieces: readonly Uint8Array[],
  type = "multipart/form-data; boundary=xyz",
): Request {
  return new Request("http://localhost/", {
    method: "POST",
    headers: { "content-type": type },
    body: ReadableStream.from(pieces),
  });
}

/** The parts of a form: name, file name and text. */
async function parts(form: Request): Promise<(string | undefined)[][]> {
  const found = [];
  for await (const part of readForm(form)) {
    found.push([part.name, part.filename, await readField(part, 1e6)]);
  }
  return found;
}

const text = (body: string, type?: string) => parts(request([encoder.encode(body)], type));

const FORM = [
  "before the form",
  "--xyz",
  'Content-Disposition: form-data; name="purpose"',
  "",
  "batch",
  "--xyz  ",
  'content-disposition: form-data; name="file"; filename="a \\"b\\" %22é.jsonl"',
  "Content-Type: application/jsonl",
  "",
  "{}\r\n--xy\r\n\r\n--",
  "--xyz--",
  "behind it",
].join("\r\n");

const PARTS = [
  ["purpose", undefined, "batch"],
  ["file", 'a "b" "é.jsonl', "{}\r\n--xy\r\n\r\n--"],
];

Deno.test("a form has its parts, however its bytes arrive", async () => {
  assert.deepEqual(await text(FORM), PARTS);
  assert.deepEqual(await text(FORM, 'multipart/form-data; charset=x; boundary="xyz"'), PARTS);
  const bytes = encoder.encode(FORM);
  assert.deepEqual(await parts(request([...bytes].map((byte) => Uint8Array.of(byte)))), PARTS);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 9 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const pieces = at.slice(1).map((end, index) => bytes.slice(at[index], end));
      assert.deepEqual(await parts(request(pieces)), PARTS);
    }),
    { numRuns: 200 },
  );
});

Deno.test("what is left unread of a part is skipped", async () => {
  const names = [];
  for await (const { name } of readForm(request([encoder.encode(FORM)]))) names.push(name);
  assert.deepEqual(names, ["purpose", "file"]);
});

Deno.test("names of files are data: paths and extended names come as they are", async () => {
  const named = async (disposition: string) => {
    const body = `--xyz\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n\r\n--xyz--`;
    return (await text(body))[0]![1];
  };
  assert.equal(await named('name="f"; filename="C:\\dir\\a.txt"'), "C:\\dir\\a.txt");
  assert.equal(await named('name="f"; filename="../../etc/passwd"'), "../../etc/passwd");
  assert.equal(await named("name=f; filename=a.txt"), "a.txt");
  assert.equal(await named(`name="f"; filename="a"; filename*=UTF-8''%E2%82%AC%0d`), "€\r");
  assert.equal(await named(`name="f"; filename="a"; filename*=UTF-8''%zz`), "a");
  assert.equal(await named('name="f"; filename=""'), "");
});

Deno.test("a body that is no whole form is refused", async () => {
  const refused = (body: string, message: RegExp, type?: string) =>
    assert.rejects(text(body, type), (error) => {
      assert.ok(error instanceof LlorchError);
      assert.match(error.message, message);
      return true;
    });
  await refused("{}", /send multipart\/form-data/, "application/json");
  await refused(FORM, /no boundary/, "multipart/form-data");
  await refused("", /ended early/);
  await refused(FORM.slice(0, -20), /ended early/);
  await refused(FORM.slice(0, 60), /ended early/);
  await refused("--xyz\r\nA: b\r\n\r\n--xyz--", /part without a name/);
  await refused("--xyzA", /text behind a boundary/);
  await refused(`--xyz\r\nA: ${"b".repeat(9000)}`, /too long headers/);
  const part = '--xyz\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n';
  await refused(`${part.repeat(33)}--xyz--`, /more than 32 parts/);
  const [first] = await Promise.all([text(`${part.repeat(32)}--xyz--`)]);
  assert.equal(first.length, 32);
});

Deno.test("a field that is too long is refused", async () => {
  for await (const part of readForm(request([encoder.encode(FORM)]))) {
    await assert.rejects(readField(part, 4), { message: /purpose: must have at most 4 bytes/ });
    break;
  }
});

Deno.test("a form of which nothing more arrives is given up", async () => {
  let isCancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(FORM.slice(0, 70))),
    cancel: () => void (isCancelled = true),
  });
  const slow = new Request("http://localhost/", {
    method: "POST",
    headers: { "content-type": "multipart/form-data; boundary=xyz" },
    body,
  });
  await assert.rejects(async () => {
    for await (const part of readForm(slow, { idleMs: 5 })) await readField(part, 99);
  }, { code: "INVALID_REQUEST", message: /Nothing of the body arrived for 5 ms/ });
  assert.ok(isCancelled);
});
