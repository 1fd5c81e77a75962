import assert from "node:assert/strict";
import { appleSource, parseApple } from "./apple.ts";

const GIB = 1024 ** 3;
const PAGES = Deno.readTextFileSync(new URL("./testdata/vm_stat_m4_max.txt", import.meta.url));
const SETTINGS = "hw.memsize: 137438953472\nmachdep.cpu.brand_string: Apple M4 Max\n";

Deno.test("parseApple() returns the memory that Metal may use, and the part that could be made available", () => {
  assert.deepEqual(parseApple(SETTINGS, PAGES), {
    id: "metal0",
    kind: "metal",
    name: "Apple M4 Max",
    total_bytes: 96 * GIB,
    // Free, purgeable and cached memory is 97.4 GiB, more than Metal may use.
    free_bytes: 96 * GIB,
  });
  const busy = PAGES.replace("3174400.", "10.").replace("3197112.", "20.");
  assert.equal(parseApple(SETTINGS, busy).free_bytes, (10 + 20 + 9322) * 16_384);
});

Deno.test("parseApple() uses an operator's own limit, and a smaller share of a small machine", () => {
  const limit = (mb: number) => parseApple(`${SETTINGS}iogpu.wired_limit_mb: ${mb}\n`, PAGES);
  assert.equal(limit(120_000).total_bytes, 120_000 * 1024 * 1024);
  assert.equal(limit(0).total_bytes, 96 * GIB);
  const small = SETTINGS.replace("137438953472", String(24 * GIB));
  assert.equal(parseApple(small, PAGES).total_bytes, 16 * GIB);
});

Deno.test("an output that cannot be read is an error that names it", () => {
  assert.throws(() => parseApple("", PAGES), /Cannot read hw\.memsize/);
  assert.throws(() => parseApple(SETTINGS, ""), /Cannot read the size of a page/);
  const cut = PAGES.replace("File-backed", "File");
  assert.throws(() => parseApple(SETTINGS, cut), /Cannot read File-backed pages/);
});

Deno.test("no tool is run on a machine that is not Apple silicon", async () => {
  const run = () => Promise.reject(new Error("not expected"));
  assert.deepEqual(await appleSource(run, false).query(), []);
  const outputs: Record<string, string> = { sysctl: SETTINGS, vm_stat: PAGES };
  const source = appleSource((name) => Promise.resolve({ code: 1, output: outputs[name]! }), true);
  await assert.rejects(source.query(), /vm_stat ended with code 1/);
  const settings = (name: string) =>
    Promise.resolve({ code: name === "sysctl" ? 1 : 0, output: outputs[name]! });
  assert.equal((await appleSource(settings, true).query())[0]?.name, "Apple M4 Max");
});
