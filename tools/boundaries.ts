/**
 * Checks which part of llorch imports which, from the resolved module graph.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Import, violations } from "./boundary_rules.ts";
import { isTestCode } from "./parts.ts";
import { report, ROOT, sourceFiles } from "./repo.ts";
import { roomProblems } from "./rooms.ts";

/** The used parts of `deno info --json`. */
interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: Resolution;
      readonly type?: Resolution;
    }[];
  }[];
}

interface Resolution {
  readonly specifier?: string;
  readonly error?: string;
}

/** The graph of all files, including dynamic and type-only imports. */
async function moduleGraph(files: readonly string[]): Promise<Graph> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = files.map((file) => `import ${JSON.stringify(fileUrl(file))};`);
    await Deno.writeTextFile(entry, lines.join("\n"));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--quiet", "--json", `--config=${join(ROOT, "deno.json")}`, entry],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(entry);
  }
}

/**
 * The imports between files of the repository and to packages, and those that cannot be resolved.
 */
function importsOf(graph: Graph): { imports: Import[]; broken: string[] } {
  const imports: Import[] = [];
  const broken: string[] = [];
  for (const { specifier, error, dependencies = [] } of graph.modules) {
    const from = repoPath(specifier);
    if (from === undefined) continue;
    if (error !== undefined) broken.push(`${from}: ${error}`);
    for (const { specifier: written, code, type } of dependencies) {
      if (written.startsWith("node:")) imports.push({ from, to: written });
      for (const target of [code, type]) {
        if (target?.error) broken.push(`${from}: cannot resolve ${written}: ${target.error}`);
        const to = target?.specifier && (repoPath(target.specifier) ?? packageOf(target.specifier));
        if (to) imports.push({ from, to });
      }
    }
  }
  return { imports, broken };
}

/** The console's pages, which have a configuration of their own. */
const CONSOLE = "daemons/orchestratord/console/web";

const fileUrl = (path: string) => pathToFileURL(join(ROOT, path)).href;

/** With a slash at its end. */
const ROOT_URL = pathToFileURL(ROOT + "/").href;

function repoPath(specifier: string): string | undefined {
  if (!specifier.startsWith(ROOT_URL)) return undefined;
  return fileURLToPath(specifier).slice(ROOT.length + 1).replaceAll("\\", "/");
}

/** `npm:/@scope/name@1.0.0/sub` as `npm:@scope/name`. */
function packageOf(specifier: string): string | undefined {
  const name = /^npm:\/?((?:@[^/]+\/)?[^@/]+)/.exec(specifier)?.[1];
  return name === undefined ? undefined : `npm:${name}`;
}

if (import.meta.main) {
  const files = [...sourceFiles(), ...sourceFiles(CONSOLE)];
  const { imports, broken } = importsOf(await moduleGraph(files));
  const problems = roomProblems(files.filter((file) => !isTestCode(file)));
  report([...broken, ...problems, ...violations(imports)], `${imports.length} imports`);
}
