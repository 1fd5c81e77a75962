import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "../support/stack.ts";

/**
 * Programs in `clients/`. They use other projects' packages, which our own install does not have.
 */
export const CLIENTS = [
  "openai",
  "responses",
  "anthropic",
  "ollama",
  "ai_sdk",
  "langchain",
] as const;

/**
 * Runs the tests of one client against a stack, as a process with its own configuration and lock
 * file.
 *
 * @throws {AssertionError} with the output, if a test fails
 */
export async function runClient(name: typeof CLIENTS[number], url: string): Promise<void> {
  const folder = join(ROOT, "tests/conformance/clients");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--quiet",
      "--no-prompt",
      "--frozen",
      "--allow-net=127.0.0.1",
      "--allow-env",
      "--allow-read",
      "--allow-sys",
      `--config=${join(folder, "deno.json")}`,
      join(folder, `${name}.ts`),
    ],
    env: { LLORCH_URL: url, NO_COLOR: "1" },
  }).output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  assert.equal(code, 0, output);
  assert.match(output, /^ok \| [1-9]\d* passed/m, output);
}
