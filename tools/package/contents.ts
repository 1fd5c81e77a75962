import { join } from "node:path";
import { output } from "../build/process.ts";
import { ROOT } from "../repo.ts";

/** Shells whose completions are shipped, and the path of each. */
const COMPLETIONS = {
  bash: "share/bash-completion/completions/llorch",
  zsh: "share/zsh/vendor-completions/_llorch",
  fish: "share/fish/vendor_completions.d/llorch.fish",
} as const;

/** Reads a file of the repository. */
export function repositoryFile(path: string): Promise<string> {
  return Deno.readTextFile(join(ROOT, path));
}

/** Output of `llorch completions`, run from source, by path below a prefix. */
export async function completions(): Promise<[path: string, text: string][]> {
  const llorch = [
    ...["run", "-q", "--no-prompt", `--config=${join(ROOT, "deno.json")}`, "-P=llorch"],
    join(ROOT, "cli/main.ts"),
  ];
  return await Promise.all(
    Object.entries(COMPLETIONS).map(async ([shell, path]): Promise<[string, string]> => {
      return [path, await output(Deno.execPath(), [...llorch, "completions", shell]) + "\n"];
    }),
  );
}

/** Manual pages of a section whose names have a common prefix, by file name. */
export async function manuals(
  isWanted: (file: string) => boolean,
): Promise<[file: string, text: string][]> {
  const found: [string, string][] = [];
  for await (const { name } of Deno.readDir(join(ROOT, "docs/man"))) {
    if (isWanted(name)) found.push([name, await repositoryFile(`docs/man/${name}`)]);
  }
  return found.sort(([a], [b]) => a < b ? -1 : 1);
}

/** The pool manager's example, with the URL of an orchestrator on the same host. */
export async function poolManagerConfig(): Promise<string> {
  const example = await repositoryFile("daemons/pool-managerd/pool-manager.example.toml");
  const line = '# url = "http://10.0.0.1:8080"';
  if (!example.includes(line)) throw new Error(`The pool manager's example has no "${line}"`);
  return example.replace(line, 'url = "http://127.0.0.1:8080"');
}

/** The orchestrator's example as it is. */
export function orchestratorConfig(): Promise<string> {
  return repositoryFile("daemons/orchestratord/orchestrator.example.toml");
}
