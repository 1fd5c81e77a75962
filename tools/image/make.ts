import { join } from "node:path";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { VERSION } from "#shared/version.ts";
import { installDeno } from "../build/install.ts";
import type { Artifact } from "../build/plan.ts";
import { prepareApp } from "../build/prepare.ts";
import { type Commit, copySources, readCommit } from "../build/source.ts";
import { type BaseImage, readBaseImage } from "./base_image.ts";
import { configOf, labelsOf } from "./config.ts";
import { baseEntries } from "./debian/base.ts";
import { getPackages, INIT, initOf, type Packages } from "./debian/packages.ts";
import { documentEntries } from "./documents.ts";
import type { Entry } from "./entries.ts";
import { type Layer, writeLayer } from "./layer.ts";
import { writeLayout } from "./layout.ts";
import { OCI_ARCHITECTURES } from "./oci.ts";
import type { ImagePlan, ImageSpec } from "./plan.ts";
import { programEntries, runtimeEntries, stateEntries } from "./programs.ts";

/** An image that was written. */
export interface MadeImage {
  /** Its layout. */
  readonly folder: string;
  /** Digest of its manifest. */
  readonly digest: string;
}

/** Parts that all images of a plan have. */
interface Parts {
  readonly plan: ImagePlan;
  readonly commit: Commit;
  /** A temporary folder. */
  readonly work: string;
  /** Folder of the layers, by SHA-256. */
  readonly blobs: string;
  readonly packages: Packages;
  readonly base: BaseImage;
  readonly runtime: Layer;
  /** Folder of each prepared program, by its file name. */
  readonly apps: ReadonlyMap<string, string>;
}

/** Makes the images of a plan. */
export async function makeImages(
  plan: ImagePlan,
  say: (line: string) => void,
): Promise<MadeImage[]> {
  const work = await makeWorkFolder(plan.out);
  try {
    const blobs = join(work, "blobs");
    await Deno.mkdir(blobs);
    const commit = await readCommit();
    say("getting the packages of Debian");
    const packages = await getPackages(plan.target, plan.packages);
    const base = await makeBase(plan, packages, blobs, say);
    const deno = await installDeno(plan.target, join(work, "runtime"));
    const runtime = await writeLayer(
      blobs,
      runtimeEntries(deno, initOf(packages)),
      "llorch: deno and tini",
    );
    const apps = await prepareApps(plan, commit, work, say);
    const parts = { ...{ plan, commit, work, blobs, packages, base }, ...{ runtime, apps } };
    const made: MadeImage[] = [];
    for (const spec of plan.images) {
      say(`${spec.folder}: packing`);
      made.push(await makeImage(spec, parts));
    }
    return made;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** @throws {LlorchError} if the folder cannot be written */
async function makeWorkFolder(out: string): Promise<string> {
  try {
    await Deno.mkdir(out, { recursive: true });
    return await Deno.makeTempDir({ dir: out, prefix: ".image-" });
  } catch (error) {
    throw new LlorchError(
      "FORBIDDEN",
      `Cannot write to the folder ${out}: ${errorMessage(error)}; choose another with --out`,
      { cause: error },
    );
  }
}

async function makeBase(
  { base, target }: ImagePlan,
  packages: Packages,
  blobs: string,
  say: (line: string) => void,
): Promise<BaseImage> {
  const architecture = OCI_ARCHITECTURES[target.arch];
  if (base.kind === "oci") {
    say(`reading ${base.folder}`);
    return await readBaseImage(base, architecture, blobs);
  }
  const entries = baseEntries(packages.unpacked.filter(({ pin }) => pin.name !== INIT));
  const layer = await writeLayer(blobs, entries, `llorch: Debian ${packages.pins.release}`);
  return {
    architecture,
    layers: [layer.descriptor],
    diffIds: [layer.diffId],
    history: [{ created: packages.pins.published, created_by: layer.createdBy }],
    run: {},
  };
}

/** Makes each program that an image has, once. */
async function prepareApps(
  { images, target }: ImagePlan,
  commit: Commit,
  work: string,
  say: (line: string) => void,
): Promise<ReadonlyMap<string, string>> {
  const source = join(work, "source");
  await copySources(source, commit, "portable");
  const artifacts = new Map<string, Artifact>();
  for (const artifact of images.flatMap((each) => each.artifacts)) {
    artifacts.set(artifact.file, artifact);
  }
  const apps = new Map<string, string>();
  for (const artifact of artifacts.values()) {
    const options = { target, libraries: "packages" } as const;
    apps.set(artifact.file, await prepareApp(artifact, options, source, work, say));
  }
  return apps;
}

async function makeImage(spec: ImageSpec, parts: Parts): Promise<MadeImage> {
  const { plan, commit, work, blobs, base, runtime, apps } = parts;
  const entries: Entry[] = [
    ...spec.artifacts.flatMap((each) => programEntries(each, apps.get(each.file)!, commit)),
    ...stateEntries(spec),
    ...await documentEntries(spec, { ...parts, target: plan.target }),
  ];
  const programs = await writeLayer(blobs, entries, `llorch: ${spec.program} ${VERSION}`);
  const image = {
    config: configOf(spec, commit, base, [runtime, programs]),
    layers: [...base.layers, runtime.descriptor, programs.descriptor],
    annotations: labelsOf(spec, commit, base),
  };
  const aside = join(work, `${spec.folder}.layout`);
  const digest = await writeLayout(aside, image, blobs, VERSION);
  const folder = join(plan.out, spec.folder);
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await Deno.rename(aside, folder);
  return { folder, digest };
}
