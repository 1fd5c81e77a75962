import assert from "node:assert/strict";
import fc from "fast-check";
import { LlorchError } from "../errors.ts";
import {
  formatReference,
  isReference,
  type ModelReference,
  parseReference,
} from "#shared/models/reference.ts";

const letters = [..."abcXYZ019"];
const word = (more: string, max: number) =>
  fc.tuple(
    fc.constantFrom(...letters),
    fc.string({ unit: fc.constantFrom(...letters, ...more), maxLength: max }),
  ).map(([first, rest]) => first + rest);
const part = word("-_", 40);
const path = fc.array(fc.oneof(part, fc.constantFrom("é 漢", "a b", "x@y", "::file=")), {
  minLength: 1,
  maxLength: 4,
}).map((parts) => `${parts.join("/")}.gguf`);

const reference: fc.Arbitrary<ModelReference> = fc.oneof(
  fc.record({
    kind: fc.constant("hf" as const),
    org: part,
    repo: part,
    revision: fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
    file: path,
  }, { requiredKeys: ["kind", "org", "repo"], noNullPrototype: true }),
  path.map((text) => ({ kind: "file", path: `/${text}` } as const)),
  word("._:/@+-", 200).map((name) => ({ kind: "name", name } as const))
    .filter(({ name }) => !name.startsWith("hf:") && !name.startsWith("file:")),
);

Deno.test("every formatted reference is parsed as the same reference", () => {
  fc.assert(fc.property(reference, (value) => {
    assert.deepEqual(parseReference(formatReference(value)), value);
  }));
});

Deno.test("any text is either refused as an invalid request or parsed and formatted unchanged", () => {
  const text = fc.tuple(
    fc.constantFrom("", "hf:", "file:/", "hf:a/b@", "hf:a/b::file="),
    fc.string(),
  )
    .map((parts) => parts.join(""));
  fc.assert(fc.property(text, (value) => {
    try {
      assert.equal(formatReference(parseReference(value)), value);
    } catch (error) {
      assert(error instanceof LlorchError);
      assert.equal(error.code, "INVALID_REQUEST");
      assert(!error.message.includes("\n"));
    }
  }));
});

Deno.test("a Hugging Face reference has organisation, repository, revision and file", () => {
  assert.deepEqual(parseReference("hf:org/repo"), { kind: "hf", org: "org", repo: "repo" });
  assert.deepEqual(parseReference("hf:o-1/r.2@refs/pr/7::file=q4/x.gguf"), {
    kind: "hf",
    org: "o-1",
    repo: "r.2",
    revision: "refs/pr/7",
    file: "q4/x.gguf",
  });
});

Deno.test("a file reference has an absolute path, with spaces and non-ASCII letters unchanged", () => {
  assert.deepEqual(parseReference("file:/srv/my models/é.gguf"), {
    kind: "file",
    path: "/srv/my models/é.gguf",
  });
});

Deno.test("anything else is a name", () => {
  for (const name of ["demo", "llama3.1:8b-q4", "org/model@v1", "A+b"]) {
    assert.deepEqual(parseReference(name), { kind: "name", name });
  }
});

Deno.test("an invalid reference is refused with the wrong part", () => {
  const wrong: [string, RegExp][] = [
    ["", /^Cannot read the model reference "": a name has 1 to 255 letters/],
    ["../etc/passwd", /a name has/],
    ["a b", /a name has/],
    ["x".repeat(256), /a name has/],
    ["x".repeat(1025), /longer than 1024/],
    ["hf:repo", /begins with "hf:org\/repo"/],
    ["hf:a/b/c", /begins with "hf:org\/repo"/],
    ["hf:/b", /organisation "" is not/],
    ["hf:a/..", /repository "\.\." is not/],
    ["hf:a/b@", /revision "" is not/],
    ["hf:a/b@x/../y", /revision "x\/\.\.\/y" is not/],
    ["hf:a/b::quant=q4", /option "quant=q4" is not/],
    ["hf:a/b::file=", /file "" is not/],
    ["hf:a/b::file=../x.gguf", /file "\.\.\/x\.gguf" is not/],
    ["hf:a/b::file=/x.gguf", /file "\/x\.gguf" is not/],
    ["hf:a/b::file=x.bin", /file "x\.bin" is not/],
    ["file:x.gguf", /path "x\.gguf" is not absolute/],
    ["file:/a/../x.gguf", /is not a plain path/],
    ["file://a/x.gguf", /is not a plain path/],
    ["file:/a/.gguf", /is not a plain path/],
    ["file:/a\n/x.gguf", /path "\/a\\n\/x\.gguf" is not a plain path/],
    ["file:/a/x.txt", /is not a plain path/],
  ];
  for (const [text, message] of wrong) {
    assert.throws(
      () => parseReference(text),
      (error) => error instanceof LlorchError && message.test(error.message),
      `${text} must be refused with ${message}`,
    );
    assert.equal(isReference(text), false);
  }
});

Deno.test("a plain path is refused with the reference to write instead", () => {
  const refuses = (text: string, reason: RegExp) =>
    assert.throws(() => parseReference(text), reason);
  refuses("/srv/x.gguf", /: to name a file, write file:\/srv\/x\.gguf$/);
  refuses("./x.gguf", /: to name a file, write "file:" and its absolute path$/);
  refuses("/srv/x", /a name has 1 to 255/);
});
