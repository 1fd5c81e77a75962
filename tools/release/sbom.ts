/**
 * `deno task sbom [--target T] [--out DIR]`: writes the third-party components of a platform's
 * executables as `sbom.cdx.json` (CycloneDX 1.6) and `THIRD_PARTY_LICENSES`. Both are made from the
 * lock files, and the same commit gives the same bytes.
 *
 * @module
 */
import { join } from "node:path";
import { runMain } from "#shared/lifecycle.ts";
import { installBackend, installDeno } from "../build/install.ts";
import { planBuild } from "../build/plan.ts";
import { type Commit, readCommit } from "../build/source.ts";
import type { Backend, Target } from "../build/targets.ts";
import { ROOT } from "../repo.ts";
import { type Component, reachable, readComponents } from "./components.ts";
import { cycloneDx } from "./cyclone_dx.ts";
import { withLlama } from "./llama_component.ts";

/** Imports that tools and tests alone use: no executable carries them. */
const NOT_CARRIED = [
  "@cyclonedx/cyclonedx-library",
  "ajv",
  "ajv-formats",
  "ajv-formats-draft2019",
  "axe-core",
  "fast-check",
  "node-llama-cpp",
  "playwright-core",
  "tar",
  "xz-decompress",
];

/** Paths of the two files, and the licences of each part. */
export interface SbomFiles {
  readonly sbom: string;
  readonly licences: string;
  /** Licences of a backend's worker or, without a backend, of every program. */
  readonly licencesOf: (backend?: Backend) => string;
}

/** Third-party components of the executables. */
interface Carried {
  /** Components in every program. */
  readonly common: readonly Component[];
  /** Additional components of a backend's worker. */
  readonly backends: ReadonlyMap<Backend, readonly Component[]>;
}

/** What something carries beside the executables, such as an image. */
export interface CarriedBeside {
  readonly components: readonly Component[];
  /** Properties of the whole, by name. */
  readonly properties: Readonly<Record<string, string>>;
}

/** Writes both files into a folder. */
export async function writeSbom(
  target: Target,
  backends: readonly Backend[],
  commit: Commit,
  out: string,
  beside: CarriedBeside = { components: [], properties: {} },
): Promise<SbomFiles> {
  const carried = await collect(target, backends);
  const components = merge(carried.common, ...carried.backends.values(), beside.components);
  const files = { sbom: join(out, "sbom.cdx.json"), licences: join(out, "THIRD_PARTY_LICENSES") };
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(files.sbom, cycloneDx(components, target, commit, beside.properties));
  await Deno.writeTextFile(files.licences, licenceTexts(components));
  const licencesOf = (backend?: Backend) =>
    licenceTexts(merge(carried.common, backend && carried.backends.get(backend) || []));
  return { ...files, licencesOf };
}

async function collect(target: Target, backends: readonly Backend[]): Promise<Carried> {
  const read = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  const { imports } = await read(join(ROOT, "deno.json"));
  const lock = await read(join(ROOT, "deno.lock"));
  const carried = Object.entries<string>(imports)
    // A name with a slash at its end is for paths inside a package that another entry names.
    .filter(([name, url]) =>
      url.startsWith("npm:") && !name.endsWith("/") && !NOT_CARRIED.includes(name)
    )
    .map(([, url]) => url);
  const work = await Deno.makeTempDir({ prefix: "llorch-sbom-" });
  try {
    const ids = reachable(lock, carried);
    const componentsIn = async (folder: string, nodeModules: string) => {
      const own = await read(join(ROOT, "tools/build", folder, "deno.lock"));
      const all = Object.keys(own.npm).filter((id) =>
        !folder.startsWith("backends/") || isCarried(id, target, backends)
      );
      return await readComponents(own, all, nodeModules);
    };
    const runtime = join(work, "deno");
    await installDeno(target, runtime);
    const common = [
      ...await readComponents(lock, ids, join(ROOT, "node_modules")),
      ...await componentsIn(`runtimes/${target.triple}`, join(runtime, "node_modules")),
    ];
    const ofBackends = new Map<Backend, readonly Component[]>();
    for (const backend of backends) {
      const nodeModules = await installBackend(backend, target, join(work, backend));
      const packages = await componentsIn(`backends/${backend}`, nodeModules);
      const os = target.os === "win32" ? "windows" : target.os;
      const whole = packages.map((each) => withLlama(each, nodeModules, os));
      ofBackends.set(backend, await Promise.all(whole));
    }
    return { common, backends: ofBackends };
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Each component once, by its name. */
function merge(...lists: readonly (readonly Component[])[]): Component[] {
  const byId = new Map(lists.flat().map((each) => [`${each.name}@${each.version}`, each]));
  return [...byId.entries()].sort(([a], [b]) => a < b ? -1 : 1).map(([, component]) => component);
}

/** Whether a worker carries something of a package: a platform's libraries, not node-llama-cpp's own code. */
function isCarried(id: string, target: Target, backends: readonly Backend[]): boolean {
  const native = /^@node-llama-cpp\/([^@]+)@/.exec(id)?.[1];
  return native !== undefined &&
    backends.some((backend) => target.backends[backend]?.includes(native));
}

/** Name, licence and licence text of each component. */
export function licenceTexts(components: readonly Component[]): string {
  const rule = "=".repeat(80);
  return components.map(({ name, version, licence, licenceText }) =>
    `${rule}\n${name} ${version}\n${licence ?? "licence as follows"}\n${rule}\n\n${licenceText}\n`
  ).join("\n");
}

if (import.meta.main) {
  Deno.exit(
    await runMain("sbom", async () => {
      const { target, out, artifacts } = planBuild(Deno.args, Deno.build.target, Deno.cwd());
      const backends = artifacts.flatMap(({ backend }) => backend ?? []);
      const files = await writeSbom(target, backends, await readCommit(), out);
      console.error(`${files.sbom}\n${files.licences}`);
      return 0;
    }),
  );
}
