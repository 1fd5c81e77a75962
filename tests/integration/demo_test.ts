import assert from "node:assert/strict";
import { startProgram, within } from "../support/stack.ts";

Deno.test("the demo tells the story that was asked for, and exits", async () => {
  const program = startProgram("deploy/local/demo.ts", "local", [
    "--port=0",
    "--pool-port=0",
    "--worker-port-base=0",
    "--once",
    "--json",
    "--prompt",
    "Tell me a story about a fox named Ada.",
  ]);
  const lines: string[] = [];
  for await (const line of program.lines) lines.push(line);
  const { code } = await within(program.status, "the demo has ended");
  assert.equal(code, 0, program.stderr());
  // A busy machine may let a program stand still; that says nothing of the demo.
  const complaints = program.stderr().split("\n")
    .filter((line) => /WARNING|ERROR/.test(line) && !line.includes(" stood_still "));
  assert.deepEqual(complaints, []);
  const answer = JSON.parse(lines.at(-1) ?? "");
  assert.equal(answer.event, "answer");
  assert.match(answer.text, /Ada/);
  assert.ok(answer.tokens_out > 10);
  assert.ok(answer.ttft_ms > 0);
});

Deno.test("the demo prints its tokens, its speed and what to try next", async () => {
  const program = startProgram("deploy/local/demo.ts", "local", [
    "--port=0",
    "--pool-port=0",
    "--worker-port-base=0",
    "--prompt=What is a token?",
  ]);
  let text = "";
  for await (const line of program.lines) {
    text += line + "\n";
    if (line.includes("messages")) break;
  }
  // What it offers to try does what it says.
  const command = /curl -N [^]*?\}'/.exec(text)?.[0] ?? "";
  const tried = await new Deno.Command("bash", { args: ["-c", `${command} -sS`] }).output();
  const pieces = [...new TextDecoder().decode(tried.stdout).matchAll(/"content":"([^"]*)"/g)];
  assert.match(pieces.map(([, piece]) => piece).join(""), /^ ?3 4 5 6 7 8\.?$/);
  program.kill("SIGINT");
  assert.equal((await within(program.status, "the demo has stopped")).code, 0);
  assert.match(text, /A token is a small piece of text/);
  assert.match(text, /\d+ tokens, \d+ tokens\/s, first token after [\d.]+ ms/);
  assert.match(text, /The console is at http:\/\/127\.0\.0\.1:\d+\/$/m);
  assert.match(text, /curl -N http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions/);
});
