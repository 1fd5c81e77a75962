import assert from "node:assert/strict";
import type { ConfigKey } from "#shared/config/schema.ts";
import { type DaemonSettings, unknownFlags, unknownKeys } from "./setting_rules.ts";

const key = (...path: string[]): ConfigKey => ({
  path,
  kind: "number",
  description: "",
  defaultValue: undefined,
});
const daemons: DaemonSettings[] = [{
  program: "orchestratord",
  keys: [key("port"), key("queue", "capacity"), key("queue", "aging_ms")],
  flags: ["config"],
}];
const page = (text: string) => new Map([["docs/a.md", text]]);

Deno.test("unknownFlags() finds what a daemon does not take, in blocks of shell", () => {
  const shell = (line: string) => page("```sh\n" + line + "\n```\n");
  const good = "sudo ./orchestratord --queue-capacity=5 \\\n  --config x --port 1 | grep --color a";
  assert.deepEqual(unknownFlags(shell(good), daemons), []);
  assert.deepEqual(unknownFlags(shell("deno task orchestratord --queue-capasity=5"), daemons), [
    "docs/a.md: `orchestratord` has no flag --queue-capasity",
  ]);
  assert.deepEqual(unknownFlags(page("`orchestratord --whatever` in a sentence"), daemons), []);
});

Deno.test("unknownKeys() finds settings that no daemon has, in code and in TOML", () => {
  const good = "`queue.capacity` and `queue.aging_ms = 5`, `job.id`, `queue.ts`\n" +
    "```toml\nport = 1\n[queue]\ncapacity = 2 # more\n[engines.NAME]\ncommand = 1\n```\n";
  assert.deepEqual(unknownKeys(page(good), daemons), []);
  const wrong = "`queue.capasity`\n```toml\n[queue]\nagingms = 5\n```\n";
  assert.deepEqual(unknownKeys(page(wrong), daemons), [
    "docs/a.md: there is no setting queue.capasity",
    "docs/a.md: there is no setting queue.agingms",
  ]);
});
