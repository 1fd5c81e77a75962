/**
 * Containers for tests: an image is unpacked by umoci and run by runc, as a container engine would run it,
 * with a read-only root, a small tmpfs and a folder for the state.
 *
 * @module
 */
import { join } from "node:path";
import { output } from "../../tools/build/process.ts";
import { type Program, startCommand, until } from "./stack.ts";

/** User and group of the programs in images. */
const NOBODY = 65534;

/** Why no container can be run on this machine; undefined if it can. */
export async function containerObstacle(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "needs Linux";
  if (Deno.uid() !== 0) return "needs root";
  for (const tool of ["runc", "umoci"]) {
    const args = ["-c", `command -v ${tool}`];
    const { success } = await new Deno.Command("sh", { args, stdout: "null" }).output();
    if (!success) return `needs ${tool}`;
  }
}

/** A part of the configuration that umoci makes of an image. */
interface RuntimeConfig {
  process: {
    terminal: boolean;
    args: string[];
    env: string[];
    user: { uid: number; gid: number };
    capabilities: Record<string, string[]>;
    rlimits: unknown[];
  };
  root: { readonly?: boolean };
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: { namespaces: { type: string }[] };
}

/** How a container is made. */
export interface ContainerOptions {
  /** OCI layout with one image. */
  readonly layout: string;
  /** Name of the image in it. */
  readonly ref: string;
  /** A new folder for what is unpacked. */
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Folder of models, if it needs one. */
  readonly models?: string;
  /** Whether it has a terminal. @default false */
  readonly terminal?: boolean;
}

/** A container that is ready to be started. */
export interface Container {
  readonly config: RuntimeConfig;
  /** Its root folder, on this machine. */
  readonly root: string;
  /** Command that runs it to its end. */
  readonly command: readonly string[];
  /** Starts it; the log of its program is on its standard output. */
  start(): Program;
  /** Sends a signal to process 1. */
  signal(name: string): Promise<void>;
  /** Runs a script inside; `cat` and the like are not there. */
  sh(script: string): Promise<string>;
  /** Removes it, running or not. */
  remove(): Promise<void>;
}

/** Unpacks an image and prepares its container. It has the network of this machine. */
export async function makeContainer(options: ContainerOptions): Promise<Container> {
  const { dir, layout, ref, env, models, terminal = false } = options;
  const bundle = join(dir, "bundle");
  const state = join(dir, "state");
  await Deno.mkdir(state, { recursive: true });
  await Deno.chown(state, NOBODY, NOBODY);
  await output("umoci", ["unpack", "--image", `${layout}:${ref}`, bundle]);
  const file = join(bundle, "config.json");
  const config: RuntimeConfig = JSON.parse(await Deno.readTextFile(file));
  const { process } = config;
  process.terminal = terminal;
  process.capabilities = {};
  process.rlimits = [];
  for (const [name, value] of Object.entries(env)) process.env.push(`${name}=${value}`);
  config.root.readonly = true;
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
  const own = ["/tmp", "/var/lib/llorch"];
  config.mounts = config.mounts.filter(({ destination }) => !own.includes(destination));
  const bind = (destination: string, source: string, mode: string) =>
    config.mounts.push({ destination, type: "bind", source, options: ["rbind", mode] });
  config.mounts.push({
    ...{ destination: "/tmp", type: "tmpfs", source: "tmpfs" },
    options: ["nosuid", "nodev", "mode=1777", "size=64m"],
  });
  bind("/var/lib/llorch", state, "rw");
  if (models !== undefined) {
    await Deno.mkdir(join(state, "models"));
    bind("/var/lib/llorch/models", models, "ro");
  }
  await Deno.writeTextFile(file, JSON.stringify(config));
  const id = `llorch-test-${crypto.randomUUID()}`;
  const where = ["--root", join(dir, "runc")];
  const runc = (...args: string[]) => output("runc", [...where, ...args]);
  return {
    config,
    root: join(bundle, "rootfs"),
    command: ["runc", ...where, "run", "--bundle", bundle, id],
    start: () => startCommand("runc", [...where, "run", "--bundle", bundle, id]),
    async signal(name) {
      await runc("kill", id, name);
    },
    sh: (script) => runc("exec", id, "/bin/sh", "-c", script),
    async remove() {
      await runc("delete", "--force", id).catch(() => {});
      await until("no process is left", async () => {
        const said = await runc("list", "--format", "json");
        return !said.includes(id);
      });
    },
  };
}

/** A process in a container. */
export interface Inside {
  readonly pid: number;
  readonly parent: number;
  /** Letter of its state; `Z`: it has ended, and nobody has reaped it. */
  readonly state: string;
  readonly command: string;
}

/** Every process in a container, by what a shell without tools can read. */
export async function processesIn({ sh }: Pick<Container, "sh">): Promise<Inside[]> {
  const said = await sh(
    'for f in /proc/[0-9]*/stat; do read -r line < "$f" && echo "$line"; done 2>/dev/null; :',
  );
  return said.split("\n").flatMap((line) => {
    const [, pid, command, state, parent] = /^(\d+) \((.*)\) (\S) (\d+) /.exec(line) ?? [];
    return pid === undefined
      ? []
      : [{ pid: Number(pid), command: command!, state: state!, parent: Number(parent) }];
  });
}
