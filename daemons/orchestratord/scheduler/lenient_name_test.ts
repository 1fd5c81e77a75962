import assert from "node:assert/strict";
import { lenientName } from "./lenient_name.ts";

const NAMES = ["SmolLM2", "qwen3:8b", "hf:org/Repo", "org/model", "Same", "same", "file:/m/a.gguf"];
const meant = (given: string) => lenientName(given, (name) => NAMES.includes(name), () => NAMES);

Deno.test("a name is found with :latest, its file's ending, a provider or another case", () => {
  for (
    const given of [
      ...["SmolLM2:latest", "SmolLM2.gguf", "openai/SmolLM2", "smollm2", "OpenAI/SMOLLM2.gguf"],
      ...["smollm2.GGUF:latest", "ollama_chat/smollm2:latest"],
    ]
  ) assert.equal(meant(given), "SmolLM2", given);
  assert.equal(meant("Qwen3:8B"), "qwen3:8b");
  assert.equal(meant("openai/org/model"), "org/model");
  assert.equal(meant("hf:ORG/repo"), "hf:org/Repo");
});

Deno.test("a name that could be two, or that is a file's path, is none", () => {
  assert.equal(meant("SAME"), undefined);
  assert.equal(meant("openai/same"), "same");
  assert.equal(meant("FILE:/m/a.gguf"), undefined);
  assert.equal(meant("file:/m/a"), undefined);
  assert.equal(meant("x/file:/m/a.gguf"), undefined);
  for (const none of ["", "/", ":latest", ".gguf", "SmolLM", "SmolLM2/x", "SmolLM2:8b"]) {
    assert.equal(meant(none), undefined, none);
  }
});
