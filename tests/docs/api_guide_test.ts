import assert from "node:assert/strict";
import { join } from "node:path";
import { orchestratorRoutes } from "#shared/contracts/mod.ts";
import { writeEncoderModel } from "../support/encoder_model.ts";
import { writeGapModel } from "../support/models.ts";
import { withService } from "../support/service.ts";
import { ROOT } from "../support/stack.ts";

const GUIDE = Deno.readTextFileSync(join(ROOT, "docs/api/guide.md"));
const BASE = "http://127.0.0.1:8080";

const BLOCKS = [...GUIDE.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, block = ""]) => block);

/** Method and path of each curl command in the guide. */
function calls(): { method: string; path: string }[] {
  return BLOCKS.flatMap((block) => block.split(/\bcurl /).slice(1)).flatMap((command) => {
    const path = command.split(BASE)[1]?.match(/^[^\s?'|)]*/)?.[0];
    if (path === undefined) return [];
    const method = /-X (\w+)/.exec(command)?.[1] ?? (/ -[dF] /.test(command) ? "POST" : "GET");
    return [{ method, path }];
  });
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

Deno.test("every command of the guide works unchanged", async () => {
  const models = await Deno.makeTempDir({ prefix: "llorch-docs-" });
  try {
    await Deno.copyFile(join(ROOT, "catalog/demo/demo.gguf"), join(models, "demo.gguf"));
    writeEncoderModel(join(models, "rank.gguf"), { purpose: "rank" });
    writeGapModel(join(models, "code.gguf"));
    await withService(models, async ({ orchestratord }) => {
      const script = BLOCKS.join("\n").replaceAll(BASE, orchestratord.url);
      const { code, stdout, stderr } = await new Deno.Command("bash", {
        args: ["-c", `set -xeuo pipefail\n${script}`],
      }).output();
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assert.equal(code, 0, `${out!.slice(-2000)}\n${err!.slice(-2000)}`);
    });
  } finally {
    await Deno.remove(models, { recursive: true });
  }
});
