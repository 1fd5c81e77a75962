import assert from "node:assert/strict";

const ASK = `import { ignoresHangup } from ${JSON.stringify(import.meta.resolve("./signals.ts"))};
console.log(ignoresHangup());`;

/** The output of a program that a shell starts like this. */
async function answerOf(how: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", how, "sh", Deno.execPath(), "eval", "--quiet", ASK],
  }).output();
  return new TextDecoder().decode(stdout).trim() || new TextDecoder().decode(stderr);
}

Deno.test({
  name: "a program is to outlive its terminal after nohup, and where SIGHUP is ignored",
  ignore: Deno.build.os === "windows",
  async fn() {
    assert.equal(await answerOf('exec "$@" < /dev/null'), "false");
    assert.equal(await answerOf('echo words | "$@"'), "false", "stdin is not read");
    assert.equal(await answerOf(`trap "" HUP; exec "$@" < /dev/null`), "true");
    // As nohup does it, also with other processes in between.
    assert.equal(await answerOf('exec "$@" 0> /dev/null'), "true");
  },
});
