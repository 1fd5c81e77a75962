import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { orchestratorRoutes } from "#shared/contracts/mod.ts";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { writeGapModel } from "../support/models.ts";
import { ROOT, withStack } from "../support/stack.ts";

const GUIDE = Deno.readTextFileSync(join(ROOT, "docs/api/guide.md"));
const BASE = "http://127.0.0.1:8080";

const BLOCKS = [...GUIDE.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = ""]) => block);

/** Commands that need a model which `up` does not have. */
const OTHERS = [...GUIDE.matchAll(/^```bash\n([^]*?)^```/gm)].map(([, block = ""]) => block);

/** Method and path of each curl command in the guide. */
function calls(): { method: string; path: string }[] {
  return [...BLOCKS, ...OTHERS].flatMap((block) => block.split(/\bcurl /).slice(1)).flatMap(
    (command) => {
      const path = command.split(BASE)[1]?.match(/^[^\s?'|)]*/)?.[0];
      if (path === undefined) return [];
      const method = /-X (\w+)/.exec(command)?.[1] ?? (/ -[dF] /.test(command) ? "POST" : "GET");
      return [{ method, path }];
    },
  );
}

Deno.test("the guide has a command for each route of clients and operators", () => {
  const known = calls();
  const missing = Object.values(orchestratorRoutes).filter((route) => {
    const path = new RegExp(`^${route.path.replace(/\{\w+\}/g, "[^/]+")}$`);
    // Some routes only say what to do instead.
    const isServed = !(route.errors as readonly string[]).includes("NOT_IMPLEMENTED");
    return route.role !== "pool" && isServed &&
      !known.some((call) => call.method === route.method && path.test(call.path));
  });
  assert.deepEqual(missing.map(({ method, path }) => `${method} ${path}`), []);
});

Deno.test("every command of the guide runs on `deno task up` as it stands there", async () => {
  const models = await Deno.makeTempDir({ prefix: "llorch-docs-" });
  try {
    await withStack({ models, model: "demo", context: "fitting" }, async ({ url }) => {
      const script = BLOCKS.join("\n").replaceAll(BASE, url);
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", `set -xeuo pipefail\n${script}`],
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(code, 0, `${out!.slice(-2000)}\n${err!.slice(-2000)}`);
      assert.match(out!, /"content":" ?3 4 5 6 7 8\.?"/, "its first answer is right");
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});

Deno.test("the guide's stand-ins are those that the code writes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-guide-" });
  try {
    writeEncoderModel(join(folder, "rank.gguf"), { purpose: "rank", width: 32, numbers: 10 });
    writeGapModel(join(folder, "code.gguf"));
    for (const name of ["rank.gguf", "code.gguf"]) {
      const kept = await Deno.readFile(join(ROOT, "catalog/guide", name));
      assert.ok(equals(kept, await Deno.readFile(join(folder, name))), `${name} differs`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const equals = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0;
