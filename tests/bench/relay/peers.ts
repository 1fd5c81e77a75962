import { join } from "node:path";
import { type Program, ROOT, startCommand, until } from "../../support/stack.ts";
import { chatTarget, type Target } from "./measure.ts";
import { freePort, hasCommand, listens, type Proxy } from "./proxies.ts";

/** Another router, and the server behind it, which is also measured directly. */
export interface Peer {
  readonly name: string;
  readonly direct: Target;
  readonly through: Target;
  readonly programs: readonly Program[];
}

/** A peer, or why it cannot be measured here. */
export type PeerOrReason = Peer | string;

/** The script that runs Debian's llama-server, and whether that is installed. */
export function installedRouter(): { path: string; isThere: boolean } {
  const path = join(ROOT, "tests/support/peer-llama-server");
  const root = Deno.env.get("LLORCH_PEER_ROOT") ??
    join(Deno.env.get("HOME") ?? "/root", ".cache/llorch-peer");
  return { path, isThere: exists(join(root, "usr/bin/llama-server")) };
}

/** llama-server of Debian, in router mode in front of a llama-server that it starts itself. */
export async function llamaServerRouter(dir: string): Promise<PeerOrReason> {
  const { path: tool, isThere } = installedRouter();
  if (!isThere) return `not there: run ${tool} install (as root)`;
  const models = join(dir, "router-models");
  await Deno.mkdir(models);
  await Deno.copyFile(join(ROOT, "catalog/demo/demo.gguf"), join(models, "demo.gguf"));
  const port = freePort();
  const options = ["--ctx-size", "4096", "--threads", "1", "--no-ui"];
  const program = startCommand(tool, [
    ...["inside", models, "llama-server", "--models-dir", "/mnt", "--host", "127.0.0.1"],
    ...["--port", String(port), ...options],
  ]);
  void drain(program);
  const url = `http://127.0.0.1:${port}`;
  await until("the router listens", () => listens(port));
  // Its first chunk has a role and no content.
  const target = (name: string, url: string) => ({
    ...chatTarget(name, url, "demo"),
    word: '"content":"',
  });
  const through = target("llama-server's router", url);
  await until("the router has loaded its model", async () => {
    const known = await modelsOf(url);
    if (known.some(({ status }) => status?.value === "loaded")) return true;
    await fetch(`${url}/models/load`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "demo" }),
    }).then((reply) => reply.body?.cancel());
    await new Promise((resolve) => setTimeout(resolve, 500));
    return false;
  });
  const child = (await modelsOf(url)).flatMap(({ status }) => {
    const args = status?.args ?? [];
    const at = args.indexOf("--port");
    return at < 0 ? [] : [args[at + 1]];
  })[0];
  if (child === undefined) {
    program.kill("SIGTERM");
    return "its router does not report the address of its child";
  }
  const direct = target("llama-server", `http://127.0.0.1:${child}`);
  return { name: "llama-server's router", direct, through, programs: [program] };
}

/** llama-swap, in front of a source that it assumes to have started itself. */
export async function llamaSwap(dir: string, source: string): Promise<PeerOrReason> {
  const command = [
    "llama-swap",
    join(Deno.env.get("HOME") ?? "/root", ".cache/llorch-bench/bin/llama-swap"),
  ].find((each) => each.includes("/") ? exists(each) : hasCommand(each));
  if (command === undefined) {
    return "not there: go install github.com/mostlygeek/llama-swap@latest";
  }
  const port = freePort();
  const config = join(dir, "llama-swap.yaml");
  await Deno.writeTextFile(
    config,
    `models:\n  counter:\n    cmd: sleep 3600\n    proxy: ${source}\n    checkEndpoint: /health\n`,
  );
  const program = startCommand(command, ["--config", config, "--listen", `127.0.0.1:${port}`]);
  void drain(program);
  await until("llama-swap listens", () => listens(port));
  return peer("llama-swap", source, { url: `http://127.0.0.1:${port}`, program });
}

/** LiteLLM's proxy, in front of a source. */
export async function liteLlm(dir: string, source: string): Promise<PeerOrReason> {
  const command = join(
    Deno.env.get("HOME") ?? "/root",
    ".cache/llorch-bench/litellm/bin/litellm",
  );
  if (!exists(command)) return "not there: pip install 'litellm[proxy]' in a venv";
  const port = freePort();
  const config = join(dir, "litellm.yaml");
  await Deno.writeTextFile(
    config,
    `model_list:\n  - model_name: counter\n    litellm_params:\n      model: openai/counter\n` +
      `      api_base: ${source}/v1\n      api_key: none\n`,
  );
  const args = ["--config", config, "--host", "127.0.0.1", "--port", String(port)];
  const program = startCommand(command, args, {
    LITELLM_TELEMETRY: "False",
    LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY: "true",
  });
  void drain(program);
  await until("LiteLLM listens", () => listens(port), 120_000);
  return peer("LiteLLM", source, { url: `http://127.0.0.1:${port}`, program });
}

function peer(name: string, source: string, { url, program }: Proxy): Peer {
  return {
    name,
    direct: chatTarget("source", source),
    through: chatTarget(name, url),
    programs: [program],
  };
}

interface RouterModel {
  readonly id: string;
  readonly status?: { readonly value?: string; readonly args?: readonly string[] };
}

async function modelsOf(url: string): Promise<readonly RouterModel[]> {
  const reply = await fetch(`${url}/models`);
  return reply.ok ? (await reply.json()).data : (await reply.body?.cancel(), []);
}

/** Reads and drops what a program prints, so that it never blocks on a full pipe. */
export async function drain({ lines }: Program): Promise<void> {
  for await (const _ of lines);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
