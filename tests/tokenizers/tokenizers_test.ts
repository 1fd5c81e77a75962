/**
 * Long runs of one character in every pre-tokenizer of llama.cpp. Its regular expressions recurse
 * for each character, but must not crash a worker. `deno task test:tokenizers` goes up to the
 * largest request body.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { MAX_BODY_BYTES } from "#shared/defaults.ts";
import { writeGguf } from "../support/gguf_writer.ts";
import { bytePairVocabulary } from "../support/vocabulary.ts";

/** One pre-tokenizer for each set of regular expressions. */
const PRES = [
  ...["default", "minicpm5", "llama3", "jais-2", "dbrx", "deepseek-llm", "deepseek-v3", "youtu"],
  ...["deepseek-coder", "falcon", "starcoder", "gpt-2", "qwen2", "qwen35", "bloom", "glm4"],
  ...["viking", "tekken", "chameleon", "gpt-4o", "granite-embed-multi-97m", "tiny_aya", "kimi-k2"],
  ...["superbpe", "bailingmoe", "seed-coder", "grok-2", "afmoe", "laguna", "exaone-moe"],
  ...["minimax-m2", "whitespace"],
];
const CHARACTERS = ["a", " ", "\n", "=", "7", "好"];
const isLong = Deno.env.get("LLORCH_LONG_TEXT") !== undefined;
const ignore = Deno.build.os === "windows";

/** Runs the child with a stack limit; if it dies, fails with its last line of output. */
async function run(limit: string, length: number, mode: string, pres = PRES): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const model = join(folder, "pairs.gguf");
    writeGguf(model, {
      metadata: {
        "general.architecture": { string: "llama" },
        ...bytePairVocabulary("gpt-2"),
      },
      tensors: [],
    });
    const child = new URL("./child.ts", import.meta.url).pathname;
    const { stdout, stderr, success } = await new Deno.Command("/bin/sh", {
      args: [
        ...["-c", `${limit}; exec "$0" "$@"`, Deno.execPath(), "run", "-A", "-q", child, model],
        ...[String(length), mode, JSON.stringify(CHARACTERS), ...pres],
      ],
    }).output();
    const lines = new TextDecoder().decode(stdout).trim().split("\n").filter((line) =>
      line.startsWith('"')
    );
    const why = new TextDecoder().decode(stderr).slice(-2_000);
    assert.ok(success && lines.at(-1) === '"done"', `died at ${lines.at(-1)}: ${why}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test({
  name: "no pre-tokenizer overflows a stack of 8 MiB, however long a run of one character is",
  ignore,
  fn: () => run("ulimit -s 8192", 17_000, "survive"),
});

Deno.test({
  name: "a run of one character has the same tokens in pieces as at once",
  ignore,
  // All at once, digits take one pre-tokenizer a quarter of a minute, and crash another one.
  fn: () =>
    run(
      "ulimit -S -s 524288 2>/dev/null",
      10_001,
      "compare",
      PRES.filter((pre) => pre !== "superbpe" && pre !== "whitespace"),
    ),
});

/** A shell's default stack limit, and the one that a worker sets for itself. */
const LIMITS = { "8 MiB": "ulimit -s 8192", "512 MiB": "ulimit -S -s 524288 2>/dev/null" } as const;

for (const length of [200_000, 1_000_000, MAX_BODY_BYTES - 1_000]) {
  Deno.test({
    name: `no pre-tokenizer overflows its stack by a run of ${length}`,
    ignore: ignore || !isLong,
    async fn(t) {
      for (const [stack, limit] of Object.entries(LIMITS)) {
        // One process each, so that progress shows and a slow machine is not taken for a hang.
        for (const pre of PRES) {
          await t.step(`${stack}: ${pre}`, () => run(limit, length, "survive", [pre]));
        }
      }
    },
  });
}
