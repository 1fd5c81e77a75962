import { UsageError } from "#shared/lifecycle.ts";
import { closest } from "#shared/text.ts";

/** Backends that a worker can be built for. */
export const BACKENDS = ["cpu", "cuda", "vulkan", "metal"] as const;

/** A backend. */
export type Backend = (typeof BACKENDS)[number];

/** A platform that executables are built for. */
export interface Target {
  /** The name in Deno and Rust. */
  readonly triple: string;
  /** The name in npm. */
  readonly os: "linux" | "darwin" | "win32";
  readonly arch: "x64" | "arm64";
  /** npm package of this platform's deno. */
  readonly denoPackage: string;
  /** npm package of llama.cpp for each backend, the default one first; empty without a worker. */
  readonly backends: Partial<Readonly<Record<Backend, readonly string[]>>>;
}

/** Every platform, the most common one first. */
export const TARGETS: readonly Target[] = [
  {
    triple: "x86_64-unknown-linux-gnu",
    os: "linux",
    arch: "x64",
    denoPackage: "@deno/linux-x64-glibc",
    backends: {
      cpu: ["linux-x64"],
      cuda: ["linux-x64-cuda", "linux-x64-cuda-ext"],
      vulkan: ["linux-x64-vulkan"],
    },
  },
  {
    triple: "aarch64-unknown-linux-gnu",
    os: "linux",
    arch: "arm64",
    denoPackage: "@deno/linux-arm64-glibc",
    backends: { cpu: ["linux-arm64"] },
  },
  {
    triple: "x86_64-apple-darwin",
    os: "darwin",
    arch: "x64",
    denoPackage: "@deno/darwin-x64",
    backends: { cpu: ["mac-x64"] },
  },
  {
    triple: "aarch64-apple-darwin",
    os: "darwin",
    arch: "arm64",
    denoPackage: "@deno/darwin-arm64",
    backends: { metal: ["mac-arm64-metal"] },
  },
  {
    triple: "x86_64-pc-windows-msvc",
    os: "win32",
    arch: "x64",
    denoPackage: "@deno/win32-x64",
    backends: {},
  },
];

/**
 * @param triple The platform's name.
 * @throws {UsageError} if there is no such platform
 */
export function findTarget(triple: string): Target {
  const found = TARGETS.find((target) => target.triple === triple);
  if (found) return found;
  const known = TARGETS.map((target) => target.triple);
  const near = closest(triple, known);
  const hint = near === undefined ? `choose ${known.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown target "${triple}": ${hint}`);
}

/** The default backend of a platform. */
export function defaultBackend(target: Target): Backend | undefined {
  return BACKENDS.find((backend) => target.backends[backend]);
}
