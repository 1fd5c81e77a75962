import type { Context } from "../context.ts";

/** Asks a person at a terminal; anything but yes is no. */
export function ask(question: string, { stderr }: Pick<Context, "stderr">): boolean {
  stderr.write(`${question} [y/N] `);
  const buffer = new Uint8Array(64);
  const count = Deno.stdin.readSync(buffer) ?? 0;
  return /^y(es)?$/i.test(new TextDecoder().decode(buffer.subarray(0, count)).trim());
}
