import { VERSION } from "#shared/version.ts";
import type { Commit } from "../build/source.ts";
import type { Layer } from "./layer.ts";
import type { BaseImage } from "./base_image.ts";
import type { ImageConfig, RunConfig } from "./oci.ts";
import type { ImageSpec } from "./plan.ts";
import { entrypoint, environment, NOBODY, STATE } from "./programs.ts";

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The labels of an image, which are its manifest's annotations, too. */
export function labelsOf(
  { program, summary }: Pick<ImageSpec, "program" | "summary">,
  { commit, epoch }: Commit,
  base: BaseImage,
): Record<string, string> {
  const labels = {
    title: program,
    description: summary,
    version: VERSION,
    revision: commit,
    created: new Date(epoch * 1000).toISOString(),
    licenses: "Apache-2.0",
    url: "https://llorch.org",
    ...(base.digest === undefined ? {} : { "base.digest": base.digest }),
  };
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [`org.opencontainers.image.${name}`, value]),
  );
}

/** The configuration of an image: that of its base, with our layers and our way to run. */
export function configOf(
  spec: ImageSpec,
  commit: Commit,
  base: BaseImage,
  layers: readonly Layer[],
): ImageConfig {
  const created = new Date(commit.epoch * 1000).toISOString();
  const run: RunConfig = {
    User: `${NOBODY}:${NOBODY}`,
    ExposedPorts: Object.fromEntries(spec.ports.map((port) => [`${port}/tcp`, {}])),
    Env: environmentOf(spec, base.run.Env ?? []),
    Entrypoint: entrypoint(spec),
    Volumes: { [STATE]: {} },
    WorkingDir: "/",
    Labels: { ...base.run.Labels, ...labelsOf(spec, commit, base) },
    StopSignal: "SIGTERM",
  };
  return {
    created,
    architecture: base.architecture,
    os: "linux",
    config: run,
    rootfs: { type: "layers", diff_ids: [...base.diffIds, ...layers.map(({ diffId }) => diffId)] },
    history: [
      ...base.history,
      ...layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
    ],
  };
}

/** The base's variables, such as those for GPUs, and ours, which win. */
function environmentOf(spec: ImageSpec, ofBase: readonly string[]): string[] {
  const inherited = ofBase.map((each) => {
    const at = each.indexOf("=");
    return [each.slice(0, at), each.slice(at + 1)] as const;
  });
  const all = { PATH, ...Object.fromEntries(inherited), ...environment(spec) };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}
