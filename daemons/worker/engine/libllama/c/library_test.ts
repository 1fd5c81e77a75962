import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "#shared/run_program.ts";
import { ROOT } from "../../../../../tests/support/stack.ts";
import { cpuBinaries } from "./carried.ts";
import { VERSION } from "./abi.ts";

/** Opens the libraries of a folder. A process of its own: others use the libraries of the package. */
const OPEN = `
import { textAt } from ${JSON.stringify(import.meta.resolve("./c_values.ts"))};
import { openLibrary } from ${JSON.stringify(import.meta.resolve("./library.ts"))};
console.log(textAt(openLibrary(Deno.args[0]).llama.llama_version()));
`;

Deno.test({
  name: "openLibrary() opens libraries that are named after a backend",
  ignore: cpuBinaries() === undefined,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "llorch-library-" });
  try {
    for (const file of readdirSync(cpuBinaries()!)) {
      const named = file.replace(/^((?:lib)?(?:llama|ggml))\./, "$1.cuda.");
      await Deno.copyFile(join(cpuBinaries()!, file), join(folder, named));
    }
    assert.ok(readdirSync(folder).some((file) => /^(?:lib)?llama\.cuda\./.test(file)));
    const { code, stdout, stderr } = await runProgram({
      command: Deno.execPath(),
      args: ["eval", "--ext=ts", `--config=${join(ROOT, "deno.json")}`, OPEN, folder],
    });
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), VERSION);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
