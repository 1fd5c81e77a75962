import assert from "node:assert/strict";
import { z } from "zod";
import { configKeys } from "#shared/config/schema.ts";
import { configPage } from "./config_page.ts";

Deno.test("the page has each key with its default and meaning, and bars do not break its table", () => {
  const schema = z.strictObject({
    queue: z.strictObject({ capacity: z.number().default(7).describe("Jobs that may wait") }),
    mode: z.string().optional().describe("a | b"),
  });
  const keys = configKeys(schema);
  const of = (file: string | undefined) =>
    configPage([{ program: "daemon", summary: "Does it", file, example: undefined, keys }]);
  assert.match(of("/etc/d.toml"), /^\| `queue\.capacity` \| `7` \| Jobs that may wait \|$/m);
  assert.match(of("/etc/d.toml"), /^\| `mode` \|\s+\| a \\\| b \|$/m);
  assert.match(of(undefined), /^\| `--queue-capacity` \(`LLORCH_QUEUE_CAPACITY`\) \|/m);
});
