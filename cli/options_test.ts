import assert from "node:assert/strict";
import { UsageError } from "#shared/lifecycle.ts";
import { command, type Invocation } from "./command.ts";
import type { Context } from "./context.ts";
import {
  count,
  flag,
  httpUrl,
  needed,
  number,
  oneOf,
  readOptions,
  seconds,
  text,
  texts,
  type TypedOption,
  wholeNumber,
} from "./options.ts";
import { run } from "./run.ts";
import { fakeContext } from "./testing/fake_context.ts";

const OPTIONS = {
  all: flag("-a, --all", "All"),
  name: text("--name <name>", "Name"),
  stop: texts("--stop <text...>", "Stop"),
  colour: oneOf("--colour <colour>", "Colour", ["red", "green"]),
  warmth: number("--warmth <number>", "Warmth"),
  gpuLayers: wholeNumber("-n, --gpu-layers <count>", "Layers", { min: 0, max: 9 }),
  lines: count("--lines <count>", "Lines"),
  deadlineMs: seconds("--deadline <seconds>", "Deadline", 30),
  url: httpUrl("--url <url>", "URL"),
};

Deno.test("readOptions() has a value for every given option, and none for the others", () => {
  assert.deepEqual(readOptions(OPTIONS, {}), {
    all: false,
    name: undefined,
    stop: undefined,
    colour: undefined,
    warmth: undefined,
    gpuLayers: undefined,
    lines: undefined,
    deadlineMs: 30_000,
    url: undefined,
  });
  const given = {
    all: true,
    name: "",
    stop: ["a", "b"],
    colour: "red",
    warmth: "-0.5",
    gpuLayers: "9",
    lines: "20",
    deadline: "0.25",
    url: "http://gpu1:8080//",
  };
  assert.deepEqual(readOptions(OPTIONS, given), {
    all: true,
    name: "",
    stop: ["a", "b"],
    colour: "red",
    warmth: -0.5,
    gpuLayers: 9,
    lines: 20,
    deadlineMs: 250,
    url: "http://gpu1:8080",
  });
});

Deno.test("readOptions() names the wrong flag, what would be right, and the given value", () => {
  const cases: [Record<string, string>, string][] = [
    [{ colour: "blue" }, `--colour must be one of red, green: current value is "blue"`],
    [{ warmth: "much" }, `--warmth must be a number: current value is "much"`],
    [{ warmth: " " }, `--warmth must be a number: current value is " "`],
    [{ gpuLayers: "all" }, `--gpu-layers must be a number: current value is "all"`],
    [{ gpuLayers: "10" }, "--gpu-layers must be a whole number from 0 to 9: current value is 10"],
    [{ gpuLayers: "1.5" }, "--gpu-layers must be a whole number from 0 to 9: current value is 1.5"],
    [{ lines: "0" }, `--lines must be a whole number, 1 or more: current value is "0"`],
    [{ lines: "1e3" }, `--lines must be a whole number, 1 or more: current value is "1e3"`],
    [{ deadline: "-1" }, "--deadline must be 0 or more seconds: current value is -1"],
    [{ deadline: "x" }, `--deadline must be a number: current value is "x"`],
    [{ url: "ftp://x" }, `--url must be an http or https URL: current value is "ftp://x"`],
    [{ url: "gpu1" }, `--url must be an http or https URL: current value is "gpu1"`],
  ];
  for (const [given, message] of cases) {
    assert.throws(() => readOptions(OPTIONS, given), { name: "UsageError", message });
  }
});

Deno.test("needed() refuses a command line without the option", () => {
  const options = { model: needed(text("--model <model>", "Model"), "--model is needed") };
  assert.deepEqual(readOptions(options, { model: "demo" }), { model: "demo" });
  assert.throws(() => readOptions(options, {}), new UsageError("--model is needed"));
});

function show(
  { options: { value } }: Invocation<{ value: number | undefined }>,
  { stdout }: Context,
): Promise<number> {
  stdout.write(`${typeof value} ${value}\n`);
  return Promise.resolve(7);
}

/** Runs `llorch thing` with one option; returns the exit code and the output. */
async function thing(option: TypedOption<number | undefined>, ...args: string[]) {
  const context = fakeContext();
  const code = await run(["thing", ...args], context, {
    kind: "group",
    name: "llorch",
    summary: "Test",
    members: [command({
      name: "thing",
      summary: "A thing",
      options: { value: option },
      load: () => Promise.resolve(show),
    })],
  });
  return { code, out: context.out(), err: context.err() };
}

Deno.test("command() passes the values to its code, whatever the code's name for the option", async () => {
  const option = wholeNumber("-n, --max-tokens <count>", "Tokens", { min: 1, max: 9 });
  assert.deepEqual(await thing(option, "-n", "3"), { code: 7, out: "number 3\n", err: "" });
  assert.deepEqual(await thing(option), { code: 7, out: "undefined undefined\n", err: "" });
});

Deno.test("command() exits with 2 for a wrong value, and its code does not run", async () => {
  assert.deepEqual(await thing(number("--size <number>", "Size"), "--size", "big"), {
    code: 2,
    out: "",
    err: `llorch: --size must be a number: current value is "big"\n`,
  });
});
