import { join } from "node:path";
import { ROOT } from "./stack.ts";

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
