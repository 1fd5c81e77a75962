import assert from "node:assert/strict";
import type { Group } from "../command.ts";
import { markdownManual } from "./markdown.ts";
import { manPages } from "./roff.ts";

const ROOT: Group = {
  kind: "group",
  name: "llorch",
  summary: "Test",
  members: [{
    kind: "group",
    name: "thing",
    summary: "Things",
    members: [{
      kind: "command",
      name: "make",
      summary: "Make one of a|b",
      arguments: [{ name: "<name>", summary: ".dotted" }],
      options: [
        { flags: "-s, --size <size>", summary: "How <big>" },
        { flags: "--secret", summary: "For programs", isHidden: true },
      ],
      examples: [{ line: "thing make 'a\\b'", summary: "With a sign" }],
      load: () => Promise.reject(new Error("loaded")),
    }],
  }],
};

Deno.test("markdownManual() has a section for each group, and its commands below", () => {
  const text = markdownManual(ROOT);
  assert.match(text, /^## llorch thing$/m);
  assert.match(text, /^### `llorch thing make \[options\] <name>`$/m);
  assert.match(text, /^Make one of a\\\|b\.$/m);
  assert.match(text, /^\| `-s, --size <size>` \| How \\<big> \|$/m);
  assert.match(text, /^# With a sign\nllorch thing make 'a\\b'$/m);
  assert.doesNotMatch(text, /secret/);
});

Deno.test("manPages() are one page for the program and one for each group", () => {
  const [program, thing] = manPages(ROOT, "1.2.3");
  assert.deepEqual([program?.file, thing?.file], ["llorch.1", "llorch-thing.1"]);
  assert.match(program?.text ?? "", /^\.TH LLORCH 1 "" "llorch 1\.2\.3" "llorch manual"$/m);
  assert.match(program?.text ?? "", /^\\fBllorch thing\\fR\nThings$/m);
});

Deno.test("manPages() escape all text for roff", () => {
  const { text } = manPages(ROOT, "1.2.3")[1]!;
  assert.match(text, /^\.SS "llorch thing make \[options\] <name>"$/m);
  assert.match(text, /^\\&\.dotted$/m);
  assert.match(text, /^\\fB\\-s, \\-\\-size <size>\\fR$/m);
  assert.match(text, /^ {4}llorch thing make 'a\\eb'$/m);
});
