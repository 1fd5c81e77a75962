import { join } from "node:path";
import { ROOT } from "./repo.ts";

/** Formats a text with `deno fmt`. */
export async function formatted(text: string, extension: "md" | "ts" = "md"): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", `--config=${join(ROOT, "deno.json")}`, `--ext=${extension}`, "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("Cannot format the text: see deno fmt above");
  return new TextDecoder().decode(stdout);
}
