import { join } from "node:path";
import { type Licence, licenceOf } from "./licence_texts.ts";

/** A third-party package in the executables. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** Package URL. @default that of an npm package */
  readonly purl?: string;
  /** `sha512-…` or `sha256-…` with base64, as lock files have it. */
  readonly integrity: string | undefined;
  /** SPDX expression, from the package. */
  readonly licence: string | undefined;
  /** Text of its licence files, or of the licence that it declares. */
  readonly licenceText: string;
  /** Another project that it contains. */
  readonly carries?: Carried;
}

/** A project inside a package, with those of its files that executables have. */
export interface Carried {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  /** SHA-256 in hex by file name. */
  readonly files: Readonly<Record<string, string>>;
}

/** The used part of `deno.lock`. */
interface Lock {
  readonly npm?: Readonly<Record<string, { integrity?: string; dependencies?: string[] }>>;
  readonly specifiers?: Readonly<Record<string, string>>;
}

/** Packages of a lock file that some of its roots depend on, e.g. `npm:zod@4.6.7`. */
export function reachable(lock: Lock, roots: readonly string[]): string[] {
  const packages = lock.npm ?? {};
  const seen = new Set<string>();
  const visit = (id: string) => {
    if (seen.has(id)) return;
    seen.add(id);
    for (const dependency of packages[id]?.dependencies ?? []) visit(idOf(dependency, packages));
  };
  for (const root of roots) {
    const version = lock.specifiers?.[root];
    if (version === undefined) throw new Error(`The lock file has no ${root}`);
    visit(`${root.slice("npm:".length).replace(/(.)@[^@/]*$/, "$1")}@${version}`);
  }
  return [...seen].sort();
}

/** Finds a dependency, which is written without its version if the lock file has only one. */
function idOf(dependency: string, packages: Readonly<Record<string, unknown>>): string {
  if (dependency in packages) return dependency;
  const found = Object.keys(packages).find((id) => nameOf(id) === dependency);
  if (found === undefined) throw new Error(`The lock file has no package ${dependency}`);
  return found;
}

/** Splits `@scope/name@1.2.3_peer@4.5.6` into name and version. */
export function splitId(id: string): { name: string; version: string } {
  const at = id.indexOf("@", 1);
  return { name: id.slice(0, at), version: id.slice(at + 1).split("_")[0]! };
}

function nameOf(id: string): string {
  return splitId(id).name;
}

/**
 * Reads the metadata of a lock file's packages. Those of other platforms are not installed, and
 * left out.
 */
export async function readComponents(
  lock: Lock,
  ids: readonly string[],
  nodeModules: string,
): Promise<Component[]> {
  const components = await Promise.all(ids.map(async (id): Promise<Component[]> => {
    const { name, version } = splitId(id);
    const folder = join(
      nodeModules,
      ".deno",
      `${name.replaceAll("/", "+")}@${version}`,
      "node_modules",
      name,
    );
    const said = await readLicence(folder);
    return said ? [{ name, version, integrity: lock.npm?.[id]?.integrity, ...said }] : [];
  }));
  return components.flat();
}

async function readLicence(folder: string): Promise<Licence | undefined> {
  try {
    const { name: packageName, license, author } = JSON.parse(
      await Deno.readTextFile(join(folder, "package.json")),
    );
    const texts: string[] = [];
    for (const name of await licenceFiles(folder)) {
      texts.push((await Deno.readTextFile(join(folder, name))).trim());
    }
    const licence = typeof license === "string" ? license : license?.type;
    const maker = typeof author === "string" ? author : author?.name;
    return licenceOf(packageName, licence, maker, texts);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Licence files of a package, and those of projects that it has in folders of their own. */
async function licenceFiles(folder: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (inside: string) => {
    for await (const { name, isFile, isDirectory } of Deno.readDir(join(folder, inside))) {
      const path = join(inside, name);
      if (isFile && /^(licen[cs]e|notice|copying)/i.test(name)) found.push(path);
      else if (isDirectory && inside === "") await visit(name);
    }
  };
  await visit("");
  return found.sort();
}
