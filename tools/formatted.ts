import { join } from "node:path";
import { ROOT } from "./repo.ts";

/** Formats Markdown with `deno fmt`. */
export async function formatted(markdown: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", `--config=${join(ROOT, "deno.json")}`, "--ext=md", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error("Cannot format the page: see deno fmt above");
  return new TextDecoder().decode(stdout);
}
