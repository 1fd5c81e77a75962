import assert from "node:assert/strict";
import { join } from "node:path";
import { writeGguf } from "../../tests/support/gguf_writer.ts";
import { bytePairVocabulary } from "../../tests/support/vocabulary.ts";
import { roomBelowStack } from "./own_stack.ts";

Deno.test("roomBelowStack() is the distance to the memory below the stack", () => {
  const maps = [
    "7f9136c51000-7f9136c53000 r--p 00031000 fe:00 325835  /usr/lib/ld-linux-x86-64.so.2",
    "7f9236c53000-7f9236c54000 rw-p 00000000 00:00 0 ",
    "7ffe75ada000-7ffe75afb000 rw-p 00000000 00:00 0                          [stack]",
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
  ].join("\n");
  assert.equal(roomBelowStack(maps), 0x7ffe75ada000 - 0x7f9236c54000);
  assert.equal(roomBelowStack(""), 0);
});

/** Runs a script with a stack of 8 MiB; returns its output. */
async function withSmallStack(script: string): Promise<{ code: number; text: string }> {
  const { code, stdout } = await new Deno.Command("/bin/sh", {
    args: [
      ...["-c", 'ulimit -S -s 8192; exec "$0" "$@"', Deno.execPath()],
      ...["eval", "--quiet", script],
    ],
    stderr: "null",
  }).output();
  return { code, text: new TextDecoder().decode(stdout).trim() };
}

Deno.test({
  name: "takeLargeStack() makes room for a text that a small stack cannot hold",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const model = join(folder, "pairs.gguf");
      writeGguf(model, {
        metadata: { "general.architecture": { string: "llama" }, ...bytePairVocabulary("gpt-2") },
        tensors: [],
      });
      const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
      const script = (take: string) => `
        const { takeLargeStack } = await import(${url("./own_stack.ts")});
        const { openVocabulary } = await import(${url("./testing/vocabulary.ts")});
        ${take}
        const vocabulary = openVocabulary(${JSON.stringify(model)}, "bloom");
        console.log(vocabulary.tokenize("a".repeat(200_000), false).length);
        Deno.exit(0);`;
      const small = await withSmallStack(script(""));
      assert.notEqual(small.code, 0);
      const large = await withSmallStack(script("takeLargeStack();"));
      assert.deepEqual([large.code, Number(large.text) > 0], [0, true]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
