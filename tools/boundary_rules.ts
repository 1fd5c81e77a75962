import { isTestCode, mayImport, partOf } from "./parts.ts";

/** One import: a file of the repository, and a file of it or a package (`npm:zod`). */
export interface Import {
  /** Path from the root of the repository. */
  readonly from: string;
  readonly to: string;
}

/** The engine's package, and the only production code that may import it. */
const ENGINE_PACKAGE = "npm:node-llama-cpp";
const ENGINE_FILES = /^daemons\/worker\/(engine\/|main\.ts$)/;

/**
 * What is wrong with some imports, one line each; empty when all is well.
 *
 * 1. Production code belongs to a part.
 * 2. A part imports itself and the parts that it may.
 * 3. Production code imports no test code.
 * 4. Only the worker's engine imports the engine's package.
 * 5. The tests of a daemon do not import another daemon; those under `tests/` may.
 */
export function violations(imports: readonly Import[]): string[] {
  const found = imports.map((each) => {
    const reason = isTestCode(each.from) ? testReason(each) : productionReason(each);
    return reason && `${each.from} imports ${each.to}: ${reason}`;
  });
  return [...new Set(found.filter((line) => line !== undefined))].sort();
}

function productionReason({ from, to }: Import): string | undefined {
  const part = partOf(from);
  if (part === undefined) return "its folder is not known as a part (tools/parts.ts)"; // 1
  if (to.startsWith("npm:")) {
    const isRefused = to === ENGINE_PACKAGE && !ENGINE_FILES.test(from);
    return isRefused ? "only daemons/worker/engine/ may" : undefined; // 4
  }
  if (isTestCode(to)) return "production code may not import test code"; // 3
  const other = partOf(to);
  const isRootFile = !to.includes("/");
  if (isRootFile || (other !== undefined && mayImport(part, other))) return undefined; // 2
  return `${part}/ may not import ${other ?? to.split("/")[0]}/`;
}

function testReason({ from, to }: Import): string | undefined {
  const part = partOf(from);
  const other = partOf(to);
  if (!part?.startsWith("daemons/") || !other?.startsWith("daemons/")) return undefined;
  return part === other ? undefined : `tests in ${part}/ may not import ${other}/`; // 5
}
