import { join } from "node:path";

/** The source of a chat template of llama.cpp. */
export function templateSource(folder: string, name: string): Promise<string> {
  return Deno.readTextFile(join(folder, "models/templates", `${name}.jinja`));
}

/** The names of all chat templates of llama.cpp. */
export async function templateNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(join(folder, "models/templates"))) {
    if (name.endsWith(".jinja")) names.push(name.slice(0, -".jinja".length));
  }
  return names.sort();
}
