/** The process that says what a load would take. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { loadMemory } from "#shared/contracts/worker.ts";
import { EXIT } from "#shared/defaults.ts";
import { writeMtpModel, writeRecurrentModel } from "../../tests/support/arch_models.ts";
import { writeEncoderModel } from "../../tests/support/encoder_model.ts";
import { counterModel } from "../../tests/support/models.ts";
import { writeRandomAdapter } from "../../tests/support/arch_models.ts";
import { runExecutable } from "../../tests/support/service.ts";

const folder = Deno.makeTempDirSync({ prefix: "llorch-estimate-" });
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const ask = (model: string, ...args: string[]) =>
  runExecutable("llorch-candled", ["--estimate", "--gpu=none", `--model=${model}`, ...args]);

async function partsOf(model: string, ...args: string[]) {
  const { code, out, err } = await ask(model, ...args);
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /^\{.*\}\n$/, "one line, and no log");
  const { device_bytes, host_bytes, parts } = loadMemory.parse(JSON.parse(out));
  assert.equal(host_bytes, 0);
  assert.ok(device_bytes > parts["process"]!);
  return parts;
}

Deno.test("a worker says what a load would take: the cache follows context, slots and types", async () => {
  const model = counterModel();
  const one = await partsOf(model, "--context=256");
  const eight = await partsOf(model, "--context=512", "--slots=4");
  const ratio = eight["cache"]! / one["cache"]!;
  assert.ok(ratio > 7 && ratio < 9, `${ratio}`);
  const halved = await partsOf(
    model,
    ...["--context=512", "--slots=4", "--flash-attention=on"],
    ...["--cache-type-k=q8_0", "--cache-type-v=q8_0"],
  );
  assert.ok(halved["cache"]! < 0.6 * eight["cache"]!);
  assert.ok(one["weights"]! <= (await Deno.stat(model)).size);
});

Deno.test("models of all kinds have an estimate, with adapters and drafts", async () => {
  const encoder = join(folder, "encoder.gguf");
  writeEncoderModel(encoder, { purpose: "embed" });
  assert.ok((await partsOf(encoder))["outputs"]! > 0, "rows of the context for vectors");
  const recurrent = join(folder, "recurrent.gguf");
  writeRecurrentModel(recurrent);
  assert.equal((await partsOf(recurrent))["cache"], undefined);
  const adapter = join(folder, "adapter.gguf");
  writeRandomAdapter(adapter, { width: 256, vocabulary: 2_272 });
  const model = counterModel();
  const parts = await partsOf(
    model,
    ...["--context=256", `--lora=a=${adapter}`, "--speculative=draft", `--draft-model=${model}`],
  );
  const alone = await partsOf(model, "--context=256");
  assert.equal(parts["weights"], 2 * alone["weights"]!);
  assert.ok(parts["adapters"]! > 0);
});

Deno.test("what cannot be estimated ends with one line", async () => {
  const broken = join(folder, "broken.gguf");
  await Deno.writeFile(broken, (await Deno.readFile(counterModel())).subarray(0, 5_000));
  const refused = await ask(broken);
  assert.deepEqual([refused.code, refused.out], [EXIT.failed, ""]);
  assert.match(refused.err, /^llorch-candled: Cannot .*broken\.gguf.*\n$/);
  const absent = await ask(join(folder, "absent.gguf"));
  assert.match(
    absent.err,
    /^llorch-candled: Cannot .*absent\.gguf.*\n$/,
  );
  const adapter = await ask(counterModel(), `--lora=a=${counterModel()}`);
  assert.equal(adapter.code, EXIT.failed);
  assert.match(
    adapter.err,
    /^llorch-candled: Cannot use .*counter\.gguf as the adapter "a": it is no adapter\n$/,
  );
  for (const [path, reason] of [["/nowhere.gguf", "No such file"], [broken, ""]] as const) {
    const draft = await ask(counterModel(), "--speculative=draft", `--draft-model=${path}`);
    assert.equal(draft.code, EXIT.failed);
    const start = `llorch-candled: Cannot load the draft model "${path}" (--draft-model): `;
    assert.ok(draft.err.startsWith(start) && draft.err.includes(reason), draft.err);
  }
  const other = await ask(counterModel(), "--engine=openai", '--openai-command=["a"]');
  assert.deepEqual([other.code, other.out], [EXIT.usage, ""]);
  assert.match(other.err, /--estimate: is only for --engine llama/);
});

Deno.test("an estimate that takes too long ends by itself, though llama.cpp is busy", async () => {
  const late = await ask(counterModel(), "--estimate-deadline-ms=1");
  assert.notEqual(late.code, 0);
  assert.equal(
    late.err,
    "llorch-candled: Cannot estimate the memory of the load: it took more than 1 ms\n",
  );
  assert.equal(late.out, "");
});

Deno.test("states to go back to count up to their bound, and layers that draft with their context", async () => {
  const recurrent = join(folder, "states.gguf");
  writeRecurrentModel(recurrent);
  const states = await partsOf(recurrent, "--checkpoint-mib=1", "--slots=4");
  assert.ok(states["checkpoints"]! > 0 && states["checkpoints"]! <= 2 ** 20);
  assert.equal((await partsOf(recurrent, "--checkpoint-mib=0"))["checkpoints"], undefined);
  const drafting = join(folder, "drafting.gguf");
  writeMtpModel(drafting, { layers: 1 });
  const plain = await partsOf(drafting, "--context=512");
  const mtp = await partsOf(drafting, "--context=512", "--speculative=mtp");
  // As many layers draft as there are.
  assert.ok(Math.abs(mtp["cache"]! - 2 * plain["cache"]!) <= 1);
  assert.ok(mtp["compute"]! > plain["compute"]!);
  assert.ok(mtp["draft_states"]! > 0);
});

Deno.test("a setting for which a load computes has an estimate, too", async () => {
  const parts = await partsOf(counterModel(), "--context=256", "--backend-sampling");
  assert.ok(parts["shortlists"]! > 0);
});
