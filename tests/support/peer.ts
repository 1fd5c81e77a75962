import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT, startCommand, until } from "./stack.ts";

/** Script that runs programs of Debian's llama.cpp on this machine's files. */
export const PEER_TOOL: string = join(ROOT, "tests/support/peer-llama-server");

/** Why llama-server cannot run on this machine; undefined if it can. */
export function whyNoPeer(): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return "needs Linux and root";
  const root = Deno.env.get("LLORCH_PEER_ROOT") ??
    join(
      Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache"),
      "llorch-peer",
    );
  try {
    Deno.statSync(join(root, "usr/bin/llama-server"));
    return undefined;
  } catch {
    return "run tests/support/peer-llama-server install first";
  }
}

/** Calls llama-server with a body, or gets a path without. */
export type Post = (
  path: string,
  body?: Record<string, unknown>,
) => Promise<Record<string, unknown>>;

/** Runs `work` with a model in llama-server. */
export async function withPeer(
  model: string,
  work: (post: Post) => Promise<void>,
  flags: readonly string[] = [],
): Promise<void> {
  const port = freePort();
  const program = startCommand(PEER_TOOL, [
    ...["run", "llama-server", "-m", model, "--host", "127.0.0.1", "--port", String(port)],
    ...["-c", "2048", "-b", "512", "-np", "1", "-t", "1", "-ngl", "0", "--no-ui", ...flags],
  ]);
  const url = `http://127.0.0.1:${port}`;
  try {
    await until("llama-server has loaded", async () => {
      const health = await fetch(`${url}/health`).catch(() => undefined);
      await health?.body?.cancel();
      return health?.ok === true;
    });
    await work(async (path, body) => {
      const reply = await fetch(
        url + path,
        body && { method: "POST", body: JSON.stringify(body) },
      );
      assert.ok(reply.ok, await reply.clone().text());
      return await reply.json();
    });
  } finally {
    program.kill("SIGTERM");
    await program.status;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
