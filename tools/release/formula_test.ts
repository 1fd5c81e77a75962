import assert from "node:assert/strict";
import { homebrewFormula } from "./formula.ts";

const HASHES = new Map([
  ["aarch64-apple-darwin", "a".repeat(64)],
  ["x86_64-apple-darwin", "b".repeat(64)],
]);

Deno.test("homebrewFormula() names each platform's archive with its hash", () => {
  const formula = homebrewFormula("1.2.0", "https://example.org/v1.2.0", HASHES);
  const lines = formula.split("\n").map((line) => line.trim());
  for (const [triple, hash] of HASHES) {
    const at = lines.indexOf(`url "https://example.org/v1.2.0/llorch-1.2.0-${triple}.tar.gz"`);
    assert.equal(lines[at + 1], `sha256 "${hash}"`);
  }
});

Deno.test("homebrewFormula() refuses to leave out a platform", () => {
  assert.throws(
    () => homebrewFormula("1.2.0", "https://example.org", new Map()),
    /There is no archive for x86_64-apple-darwin/,
  );
});

const ruby = (await new Deno.Command("sh", { args: ["-c", "command -v ruby"], stdout: "null" })
  .output()).success;

Deno.test({
  name: `homebrewFormula() is Ruby${ruby ? "" : " (skipped: no ruby)"}`,
  ignore: !ruby,
  async fn() {
    const child = new Deno.Command("ruby", { args: ["-c", "-"], stdin: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(
      new TextEncoder().encode(homebrewFormula("1.2.0", "https://example.org", HASHES)),
    );
    await writer.close();
    assert.equal((await child.status).code, 0);
  },
});
