import assert from "node:assert/strict";
import { join } from "node:path";
import { type FakeHubOptions, withFakeHub } from "../support/fake_hub.ts";
import { withHome } from "../support/llorch.ts";
import { writeCounterModel } from "../support/models.ts";
import { ROOT, startProgram, within } from "../support/stack.ts";
import { commandOnTerminal, hasTerminal } from "../support/terminal.ts";

/** A model of the catalog, which knows neither its size nor its hash; its file is our own here. */
const MODEL = "nomic-embed-text";
const FILE = "nomic-ai/nomic-embed-text-v1.5-GGUF/nomic-embed-text-v1.5.Q8_0.gguf";

/** Runs a test with a hub that has the model, and a home that has none. */
async function withModel(
  test: (models: string, env: Record<string, string>) => Promise<void>,
  trouble: FakeHubOptions["trouble"] = () => undefined,
): Promise<void> {
  await withHome(async (home, own) => {
    const path = join(home, "source.gguf");
    writeCounterModel(path, { context: 8192 });
    const files = { [FILE]: await Deno.readFile(path) };
    await withFakeHub({ files, trouble }, async (hub) => {
      await test(join(home, "models"), { ...own, HF_ENDPOINT: hub.url, HF_HOME: join(home, "hf") });
    });
  });
}

/** Arguments of an `up` that needs the model. */
const argsOf = (models: string) => [
  ...["--port=0", "--pool-port=0", "--worker-port-base=0"],
  ...[`--models-dir=${models}`, `--model=${MODEL}`],
];

Deno.test("up --yes downloads a model of the catalog and loads it; its own output is as ever", async () => {
  await withModel(async (models, env) => {
    const args = [...argsOf(models), "--yes", "--json", "--slots=2"];
    const program = startProgram("deploy/local/up.ts", "local", args, env);
    try {
      const line = await within(program.lines.next(), "up is ready");
      assert.ok(!line.done, program.stderr());
      const { event, orchestrator } = JSON.parse(line.value);
      assert.equal(event, "ready");
      const { loaded, max_model_len } = await (await fetch(`${orchestrator}/v1/models/${MODEL}`))
        .json();
      assert.deepEqual([loaded, max_model_len], [true, 8192]);
    } finally {
      program.kill("SIGTERM");
      await within(program.status, "up has stopped");
      await program.lines.return(undefined);
    }
  });
});

Deno.test(
  "up ends if the download that a person wants fails",
  { ignore: !hasTerminal },
  async () => {
    await withModel(async (models, env) => {
      const script = join(ROOT, "deploy/local/up.ts");
      const { code, text } = await commandOnTerminal(
        [Deno.execPath(), "run", "-q", "--no-prompt", "-P=local", script, ...argsOf(models)],
        { when: "[Y/n]", keys: "\r" },
        env,
        ROOT,
      );
      assert.equal(code, 1, text);
      assert.match(text, /llorch: .*\r?\n.*up: Cannot download "nomic-embed-text": llorch models/s);
    }, () => ({ status: 404, headers: { "x-error-code": "EntryNotFound" } }));
  },
);
