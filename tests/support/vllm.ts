import { join } from "node:path";
import { ROOT } from "./stack.ts";

/** Script that installs vLLM for the CPU and runs it. */
const TOOL: string = join(ROOT, "tests/support/peer-vllm");

/** Variables with which vLLM runs on a small CPU, and calls nobody. */
export const VLLM_ENV: Readonly<Record<string, string>> = {
  VLLM_CPU_KVCACHE_SPACE: "1",
  VLLM_CPU_OMP_THREADS_BIND: "nobind",
  OMP_NUM_THREADS: "1",
  HF_HUB_OFFLINE: "1",
  VLLM_NO_USAGE_STATS: "1",
};

/** Time in which vLLM starts even on a busy machine, in milliseconds. */
export const VLLM_START_MS = 900_000;

/** Why vLLM cannot run on this machine; undefined if it can. */
export function whyNoVllm(): string | undefined {
  if (Deno.build.os !== "linux") return "needs Linux";
  const root = Deno.env.get("LLORCH_VLLM_ROOT") ??
    join(
      Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache"),
      "llorch-peer-vllm",
    );
  try {
    Deno.statSync(join(root, "complete"));
    return undefined;
  } catch {
    return "run tests/support/peer-vllm install first";
  }
}

/** Writes the model that {@linkcode vllmCommand} serves to a folder. */
export async function writeVllmModel(folder: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(TOOL, {
    args: ["model", folder],
    stdin: "null",
  }).output();
  if (!success) throw new Error(`peer-vllm model: ${new TextDecoder().decode(stderr)}`);
}

/** The command of an engine that serves the model in a folder as `tiny`. */
export function vllmCommand(folder: string): string[] {
  return [
    ...[TOOL, "run", "vllm", "serve", folder, "--served-model-name", "tiny"],
    ...["--host", "{host}", "--port", "{port}", "--max-model-len", "{context}"],
    ...["--max-num-seqs", "{slots}", "--enforce-eager", "--reasoning-parser", "deepseek_r1"],
    ...["--enable-auto-tool-choice", "--tool-call-parser", "hermes"],
  ];
}
