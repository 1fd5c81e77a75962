import { parse } from "@std/toml";
import fc from "fast-check";
import assert from "node:assert/strict";
import { setKey, unsetKey } from "./edit.ts";

const TEXT = `# Mine.

[orchestrator] # the big one
# Where it is.
url = "http://a:1"   # for now

[hosts.gpu1]
  address = "10.0.0.4"
  args = [ # two
    "-J", # through
    "bastion",
  ]

# The end.
`;

Deno.test("setKey() changes a value and nothing else", () => {
  assert.equal(
    setKey(TEXT, ["orchestrator", "url"], "http://b:2"),
    TEXT.replace("http://a:1", "http://b:2"),
  );
  assert.equal(
    setKey(TEXT, ["hosts", "gpu1", "args"], ["-4"]),
    TEXT.replace(/args = \[[^\]]*\]/, '# two\n  # through\n  args = [ "-4" ]'),
  );
});

Deno.test("setKey() adds a key below its table's others, indented as they are", () => {
  assert.equal(
    setKey(TEXT, ["orchestrator", "token_file"], "/t"),
    TEXT.replace("# for now\n", '# for now\ntoken_file = "/t"\n'),
  );
  assert.equal(
    setKey(TEXT, ["hosts", "gpu1", "port"], 22),
    TEXT.replace("  ]\n", "  ]\n  port = 22\n"),
  );
});

Deno.test("setKey() adds a table at the end, to an empty file too", () => {
  assert.equal(setKey(TEXT, ["pool", "url"], "x"), `${TEXT}\n[pool]\nurl = "x"\n`);
  assert.equal(setKey("", ["pool", "url"], "x"), `[pool]\nurl = "x"\n`);
  assert.equal(setKey("# a", ["pool", "url"], "x"), `# a\n\n[pool]\nurl = "x"\n`);
});

Deno.test("setKey() keeps the file's style: dotted keys, CRLF, no newline at the end", () => {
  assert.equal(
    setKey('pool.url = "x"', ["pool", "token_file"], "/t"),
    'pool.url = "x"\npool.token_file = "/t"\n',
  );
  assert.equal(setKey('[pool]\r\nurl = "x"\r\n', ["pool", "url"], "y"), '[pool]\r\nurl = "y"\r\n');
  assert.equal(
    setKey('[pool]\r\nurl = "x"\r\n', ["models", "dir"], "/m"),
    '[pool]\r\nurl = "x"\r\n\r\n[models]\r\ndir = "/m"\r\n',
  );
});

Deno.test("setKey() and unsetKey() leave alone what they cannot edit safely", () => {
  const inline = 'pool = { url = "x" }\n';
  const expected = /Cannot change pool\.\w+: the file has pool as an inline table; edit it by hand/;
  assert.throws(() => setKey(inline, ["pool", "token_file"], "/t"), expected);
  assert.throws(() => unsetKey(inline, ["pool", "url"]), expected);
});

Deno.test("unsetKey() removes a key, or a table, and keeps the comments", () => {
  assert.equal(
    unsetKey(TEXT, ["orchestrator", "url"]),
    TEXT.replace('url = "http://a:1"   # for now', "# for now"),
  );
  const without = unsetKey(TEXT, ["hosts", "gpu1"]);
  assert.equal(JSON.stringify(parse(without)), '{"orchestrator":{"url":"http://a:1"}}');
  assert.match(without, /# The end\.\n$/);
  assert.equal(unsetKey(TEXT, ["pool", "url"]), TEXT);
});

Deno.test("setKey() then unsetKey(): the set value is read, and the rest of the file stays", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom('"""', "'''", "# no comment", "a\nb", "]\n[x]", "\\"),
    fc.array(fc.string(), { maxLength: 3 }),
    fc.integer(),
  );
  const key = fc.constantFrom(
    "orchestrator.url",
    "orchestrator.new",
    "hosts.gpu1.args",
    "hosts.b.c",
  );
  fc.assert(fc.property(key, value, value, (name, first, second) => {
    const path = name.split(".");
    const at = (text: string) =>
      path.reduce<unknown>((tree, part) => (tree as Record<string, unknown>)?.[part], parse(text));
    const once = setKey(TEXT, path, first);
    const twice = setKey(once, path, second);
    assert.deepEqual(at(once), first);
    assert.deepEqual(at(twice), second);
    const without = unsetKey(twice, path);
    assert.equal(at(without), undefined);
    for (
      const comment of ["# Mine.", "# the big one", "# Where it is.", "# for now", "# The end."]
    ) {
      assert.ok(without.includes(comment), comment);
    }
  }));
});
