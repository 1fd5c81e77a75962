import { PORTS } from "#shared/defaults.ts";
import { DENO_VERSION } from "#shared/version.ts";
import type { RunResult } from "#shared/run_program.ts";
import type { DoctorModel, Machine } from "../doctor/machine.ts";

const GIB = 2 ** 30;

/** The result of a program that ran. */
export const ran = (stdout: string, code = 0, stderr = ""): RunResult => ({ code, stdout, stderr });

const PROGRAMS: Readonly<Record<string, RunResult>> = {
  "/opt/llorch/llorch-candled": ran("/opt/llama/linux-x64: llama.cpp 1, all 17 hashes match\n"),
  git: ran("git version 2.43.0\n"),
  ssh: ran("", 0, "OpenSSH_9.6p1, OpenSSL 3.0.13 30 Jan 2024\n"),
};

/** A model's file whose name is the model's. */
export function foundModel(name: string, contextLength = 2048): DoctorModel {
  return { name, ref: `file:/m/${name}.gguf`, contextLength };
}

/** A healthy Linux machine without a GPU, on which no daemon of llorch runs. */
export function fakeMachine(change: Partial<Machine> = {}): Machine {
  return {
    env: (name) => name === "HOME" ? "/home/ada" : undefined,
    os: "linux",
    arch: "x86_64",
    denoVersion: DENO_VERSION,
    checkout: "/src/llorch",
    memory: { totalBytes: 16 * GIB, availableBytes: 8 * GIB },
    exists: (path) => !path.startsWith("/etc/"),
    freeBytes: () => Promise.resolve(100 * GIB),
    findModels: () => Promise.resolve({ models: [foundModel("demo")], problems: [] }),
    run: (command) => Promise.resolve(PROGRAMS[command]),
    findExecutable: (name) => ({ command: `/opt/llorch/${name}`, args: [] }),
    isPortFree: () => true,
    daemonAt: () => Promise.resolve(undefined),
    daemonUrls: () =>
      Promise.resolve({ orchestrator: "http://127.0.0.1:8080", pool: "http://127.0.0.1:9200" }),
    readText: () => Promise.resolve(undefined),
    workers: () => Promise.resolve([]),
    ...change,
  };
}

/** A machine on which the default port of orchestratord is in use. */
export const port8080Taken: Partial<Machine> = {
  isPortFree: (port) => port !== PORTS.orchestratord,
};
