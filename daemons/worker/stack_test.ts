import assert from "node:assert/strict";
import { textStack } from "./stack.ts";

Deno.test("textStack() returns how much text a stack can hold, with a reserve", () => {
  const MIB = 1024 * 1024;
  assert.equal(textStack(8 * MIB).characters, 14_336);
  assert.equal(textStack(512 * MIB).characters, 1_046_528);
  // An unknown limit counts as the smallest one.
  assert.deepEqual(textStack(undefined).characters > 0, true);
});

Deno.test({
  name: "textStack() reads this process's own limit",
  ignore: Deno.build.os === "windows",
  async fn() {
    const script = `import { textStack } from ${
      JSON.stringify(new URL("./stack.ts", import.meta.url).href)
    }; console.log(textStack().bytes);`;
    const { stdout } = await new Deno.Command("/bin/sh", {
      args: ["-c", 'ulimit -S -s 8000; exec "$0" "$@"', Deno.execPath(), "eval", script],
      stderr: "inherit",
    }).output();
    assert.equal(new TextDecoder().decode(stdout).trim(), String(8000 * 1024));
  },
});
