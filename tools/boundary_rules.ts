import { isTestCode, mayImport, partOf } from "./parts.ts";
import { roomReason } from "./rooms.ts";

/** An import by a file of the repository, of another file of it, of a package (`npm:zod`) or of `node:…`. */
export interface Import {
  /** Path from the root of the repository. */
  readonly from: string;
  readonly to: string;
}

/** The engine's package, and the only production code that may import it. */
const ENGINE_PACKAGE = "npm:node-llama-cpp";
const ENGINE_FILES = /^daemons\/worker\/(engine\/|main\.ts$)/;

/** Files with the scheduler's decisions, and the only imports from elsewhere that keep them pure. */
const DECISION = /^daemons\/orchestratord\/scheduler\/(?!loop\.ts$)/;
const PURE =
  /^(daemons\/orchestratord\/scheduler\/(?!loop\.ts$)|shared\/(contracts|models)\/|shared\/(backoff|errors|json)\.ts$)/;

/**
 * Returns a line for each import that breaks a rule.
 *
 * 1. Production code belongs to a part.
 * 2. A part imports itself and the parts that it may.
 * 3. Production code imports no test code.
 * 4. Only the worker's engine imports the engine's package.
 * 5. The tests of a daemon do not import another daemon; those under `tests/` may.
 * 6. Within a daemon, a room imports the rooms that it may (`tools/rooms.ts`).
 * 7. The scheduler's decisions are pure: they import neither its loop, nor a clock, a store or a package.
 * 8. No production files import each other in a circle, types included.
 */
export function violations(imports: readonly Import[]): string[] {
  const found = imports.map((each) => {
    const reason = isTestCode(each.from) ? testReason(each) : productionReason(each);
    return reason && `${each.from} imports ${each.to}: ${reason}`;
  });
  const lines = [
    ...found.filter((line) => line !== undefined),
    ...circles(imports).map(circleLine),
  ];
  return [...new Set(lines)].sort();
}

function productionReason({ from, to }: Import): string | undefined {
  const part = partOf(from);
  if (part === undefined) return "its folder is not known as a part (tools/parts.ts)"; // 1
  if (DECISION.test(from) && !PURE.test(to)) return "a decision of the scheduler is pure"; // 7
  if (to.startsWith("node:")) return undefined;
  if (to.startsWith("npm:")) {
    const isRefused = to === ENGINE_PACKAGE && !ENGINE_FILES.test(from);
    return isRefused ? "only daemons/worker/engine/ may" : undefined; // 4
  }
  if (isTestCode(to)) return "production code may not import test code"; // 3
  const other = partOf(to);
  const isRootFile = !to.includes("/");
  const isSource = /\.tsx?$/.test(to);
  if (part === other) return isSource ? roomReason(part, from, to) : undefined; // 6
  if (isRootFile || (other !== undefined && mayImport(part, other))) return undefined; // 2
  return `${part}/ may not import ${other ?? to.split("/")[0]}/`;
}

function testReason({ from, to }: Import): string | undefined {
  const part = partOf(from);
  const other = partOf(to);
  if (!part?.startsWith("daemons/") || !other?.startsWith("daemons/")) return undefined;
  return part === other ? undefined : `tests in ${part}/ may not import ${other}/`; // 5
}

/** Cycles of imports between production files, each once, in the order of its imports. */
function circles(imports: readonly Import[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to } of imports) {
    if (isTestCode(from) || /^(npm|node):/.test(to) || from === to) continue;
    targets.set(from, [...targets.get(from) ?? [], to]);
  }
  const found: string[][] = [];
  const state = new Map<string, "open" | "done">();
  const path: string[] = [];
  const visit = (file: string) => {
    state.set(file, "open");
    path.push(file);
    for (const next of targets.get(file) ?? []) {
      if (state.get(next) === "open") found.push(path.slice(path.indexOf(next)));
      else if (state.get(next) === undefined) visit(next);
    }
    path.pop();
    state.set(file, "done");
  };
  for (const file of targets.keys()) if (!state.has(file)) visit(file);
  return found;
}

function circleLine(circle: readonly string[]): string {
  return `a circle of imports: ${[...circle, circle[0]].join(" -> ")}`;
}
