import assert from "node:assert/strict";
import type { Group } from "../cli/command.ts";
import { brokenLinks, shellLines, unknownCommands, unknownTasks } from "./doc_rules.ts";

const page = (text: string) => new Map([["docs/a.md", text], ["docs/b.md", "# Two words, now\n"]]);
const exists = (path: string) => ["docs/a.md", "docs/b.md", "src/x.ts"].includes(path);

Deno.test("brokenLinks() follows paths and headings, and passes over code and other sites", () => {
  const good = "[b](b.md) [h](b.md#two-words-now) [x](../src/x.ts) [w](https://x.example/) " +
    "`[no](link.md)`\n```sh\n[no](link.md)\n```\n";
  assert.deepEqual(brokenLinks(page(good), exists), []);
  assert.deepEqual(brokenLinks(page("[c](c.md) [h](b.md#gone) [own](#gone)"), exists), [
    "docs/a.md: there is no docs/c.md",
    "docs/a.md: docs/b.md has no heading #gone",
    "docs/a.md: docs/a.md has no heading #gone",
  ]);
});

Deno.test("unknownTasks() knows the tasks", () => {
  const text = "`deno task up`, `npx -y deno@2.9.6 task test:x`, `deno task gone`";
  assert.deepEqual(unknownTasks(page(text), ["up", "test:x"]), [
    'docs/a.md: there is no task "gone"',
  ]);
});

const root: Group = {
  kind: "group",
  name: "llorch",
  summary: "",
  members: [{
    kind: "group",
    name: "models",
    summary: "",
    members: [{
      kind: "command",
      name: "download",
      summary: "",
      options: [{ flags: "-q, --quiet", summary: "" }, { flags: "--dir <path>", summary: "" }],
      load: () => Promise.reject(new Error("not here")),
    }],
  }],
};

Deno.test("unknownCommands() follows commands and options in blocks of shell", () => {
  const block = (line: string) => page("```sh\n" + line + "\n```\n");
  for (
    const line of [
      "llorch models download tiny --dir /x -q",
      "sudo llorch --remote HOST models download tiny \\\n  --dir=/x | cat",
      "deno task llorch models download x   # a comment",
    ]
  ) assert.deepEqual(unknownCommands(block(line), root), [], line);
  assert.deepEqual(unknownCommands(block("llorch models fetch x"), root), [
    'docs/a.md: `llorch models fetch x`: there is no "fetch"',
  ]);
  assert.deepEqual(unknownCommands(block("llorch models download x --to y"), root), [
    "docs/a.md: `llorch models download x --to y`: there is no option --to",
  ]);
});

Deno.test("shellLines() joins lines that go on", () => {
  assert.deepEqual(shellLines("```sh\na \\\n  b\nc\n```\n```json\n{}\n```\n"), ["a b", "c", ""]);
});
