import { join } from "node:path";
import { DENO_VERSION } from "#shared/version.ts";
import type { ExecutableName } from "#shared/executables.ts";
import type { RunResult } from "#shared/run_program.ts";
import config from "../../deno.json" with { type: "json" };
import type { Check, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Checks the version of the deno that runs this program. */
export const checkDeno: Check = ({ denoVersion }) => {
  const isPinned = denoVersion === DENO_VERSION;
  return Promise.resolve([
    isPinned ? { name: "deno", status: "ok", message: denoVersion } : {
      name: "deno",
      status: "warn",
      message: `${denoVersion}, tested with ${DENO_VERSION}`,
      fix: `npx -y deno@${DENO_VERSION} task …, or deno upgrade ${DENO_VERSION}`,
    },
  ]);
};

/** Checks the packages in a checkout, the executables in an installation. */
export const checkInstallation: Check = (machine) =>
  Promise.resolve(
    machine.checkout === undefined ? executables(machine) : packages(machine, machine.checkout),
  );

/** Checks the libraries of llama.cpp that a worker opens: which, from where, and their hashes. */
export const checkLibraries: Check = async (machine) => {
  const name = "libraries";
  const result = await worker(machine);
  if (result === undefined) return [];
  if (result.code === 0) {
    return result.stdout.trim().split("\n").map((message) => ({ name, status: "ok", message }));
  }
  const said = result.stderr.trim().split("\n").at(-1)?.replace(/^llorch-candled: /, "") ?? "";
  const [message = "", fix = "install llorch-candled again"] = said.split(/; (?=[^;]*$)/);
  return [{ name, status: "fail", message, fix }];
};

/** What a worker says of its libraries; undefined without a worker, which is another check's finding. */
async function worker(machine: Machine): Promise<RunResult | undefined> {
  try {
    const { command, args } = machine.findExecutable("llorch-candled");
    return await machine.run(command, [...args, "libraries"]);
  } catch {
    return undefined;
  }
}

/** Checks git, which `llorch` uses for development. */
export const checkGit: Check = async (machine) => {
  const result = await machine.run("git", ["--version"]);
  if (result?.code === 0) {
    return [{
      name: "git",
      status: "ok",
      message: result.stdout.trim().replace(/^git version /, ""),
    }];
  }
  return [{ name: "git", status: "warn", message: "not found", fix: "install git" }];
};

/** Checks the system's ssh, which `--remote` uses. */
export const checkSsh: Check = async (machine) => {
  const result = await machine.run("ssh", ["-V"]);
  // OpenSSH prints its version on standard error.
  const version = /^\S+/.exec(result?.stderr ?? "")?.[0].replace(/,$/, "");
  if (result?.code === 0) return [{ name: "ssh", status: "ok", message: version ?? "found" }];
  const fix = "install the OpenSSH client; only --remote needs it";
  return [{ name: "ssh", status: "warn", message: "not found", fix }];
};

function packages(machine: Machine, root: string): Finding[] {
  const modules = join(root, "node_modules");
  if (!machine.exists(modules)) {
    return [{
      name: "node_modules",
      status: "fail",
      message: `${modules} is not there`,
      fix: `cd ${root} && deno install`,
    }];
  }
  return [
    { name: "node_modules", status: "ok", message: modules },
    nativePackage(machine, modules),
  ];
}

/** The prebuilt llama.cpp of this platform; without it no worker starts. */
function nativePackage(machine: Machine, modules: string): Finding {
  const name = "llama.cpp";
  const platform = nativePlatform(machine);
  const version = config.imports["node-llama-cpp"].split("@").at(-1);
  const folder = `.deno/@node-llama-cpp+${platform}@${version}/node_modules/@node-llama-cpp`;
  const libraries = join(modules, folder, platform, "bins", platform);
  if (machine.exists(libraries)) return { name, status: "ok", message: `${platform} ${version}` };
  return {
    name,
    status: "fail",
    message: `no native package for ${platform} ${version}: workers cannot start`,
    fix: "deno install",
  };
}

/** This platform as node-llama-cpp calls it. */
function nativePlatform({ os, arch }: Machine): string {
  const cpu = arch === "aarch64" ? "arm64" : "x64";
  if (os === "darwin") return cpu === "arm64" ? "mac-arm64-metal" : "mac-x64";
  return `${os === "windows" ? "win" : "linux"}-${cpu}`;
}

const DAEMONS: readonly ExecutableName[] = ["orchestratord", "pool-managerd", "llorch-candled"];

function executables(machine: Machine): Finding[] {
  return DAEMONS.map((name) => {
    try {
      return { name, status: "ok", message: machine.findExecutable(name).command };
    } catch {
      return {
        name,
        status: "warn",
        message: "not found",
        fix: "put it beside llorch, on PATH, or into $LLORCH_BIN_DIR",
      };
    }
  });
}
