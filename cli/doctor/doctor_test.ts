import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { fakeMachine, foundModel, port8080Taken, ran } from "../testing/fake_machine.ts";
import { checkConfigFiles } from "./config_files.ts";
import { examine } from "./doctor.ts";
import { checkContext } from "./context.ts";
import { checkDaemons } from "./daemons.ts";
import type { Check, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";
import { checkModels } from "./models.ts";
import { checkPorts } from "./network.ts";
import { checkDisk, checkGpu, checkMemory } from "./resources.ts";
import { checkDeno, checkGit, checkInstallation, checkLibraries, checkSsh } from "./toolchain.ts";

const GIB = 2 ** 30;

/** Status, name and message of each finding, with the fix if there is one. */
async function found(check: Check, change: Partial<Machine> = {}): Promise<string[]> {
  const show = ({ status, name, message, fix }: Finding) =>
    `${status} ${name}: ${message}${fix === undefined ? "" : ` | ${fix}`}`;
  return (await check(fakeMachine(change))).map(show);
}

const always = <T>(value: T) => () => Promise.resolve(value);

Deno.test("doctor finds no problem on a healthy machine", async () => {
  const findings = await examine(fakeMachine());
  assert.deepEqual(findings.filter(({ status }) => status !== "ok"), []);
});

Deno.test("doctor: every problem has a fix", async () => {
  const findings = await examine(fakeMachine({
    denoVersion: "1.0.0",
    exists: () => false,
    run: always(undefined),
    findModels: always({ models: [], problems: ["/m/x.gguf: it is cut off"] }),
    memory: { totalBytes: GIB, availableBytes: 1 },
    freeBytes: always(0),
    isPortFree: () => false,
  }));
  const bad = findings.filter(({ status }) => status !== "ok");
  assert.ok(bad.length >= 8);
  for (const { name, fix } of bad) assert.ok(fix, name);
});

Deno.test("doctor: another deno than the pinned one is a warning", async () => {
  const [line] = await found(checkDeno, { denoVersion: "2.0.0" });
  assert.match(line ?? "", /^warn deno: 2\.0\.0, tested with \d/);
});

Deno.test("doctor: a checkout needs its packages and the native one of this platform", async () => {
  const [missing] = await found(checkInstallation, { exists: () => false });
  assert.equal(
    missing,
    "fail node_modules: /src/llorch/node_modules is not there | cd /src/llorch && deno install",
  );
  const withoutNative = { exists: (path: string) => !path.includes("node-llama-cpp") };
  const [, native] = await found(checkInstallation, withoutNative);
  assert.match(native ?? "", /^fail llama\.cpp: no native package for linux-x64 \d/);
});

Deno.test("doctor: the native package is searched for under this platform's name", async () => {
  const platforms: [Partial<Machine>, string][] = [
    [{ os: "linux", arch: "aarch64" }, "linux-arm64"],
    [{ os: "darwin", arch: "aarch64" }, "mac-arm64-metal"],
    [{ os: "darwin", arch: "x86_64" }, "mac-x64"],
    [{ os: "windows", arch: "x86_64" }, "win-x64"],
  ];
  for (const [machine, name] of platforms) {
    const searched: string[] = [];
    const exists = (path: string) => searched.push(path) > 0;
    await found(checkInstallation, { ...machine, exists });
    assert.ok(searched.some((path) => path.endsWith(`bins/${name}`)), name);
  }
});

Deno.test("doctor: the worker says which libraries it opens, from where, and what is wrong with them", async () => {
  assert.deepEqual(await found(checkLibraries), [
    "ok libraries: /opt/llama/linux-x64: llama.cpp 1, all 17 hashes match",
  ]);
  const asked: string[][] = [];
  const wrong =
    "llorch-candled: Cannot use llama.cpp in /x: a.so is missing; remove /y: it helps\n";
  const run = (command: string, args: readonly string[]) => {
    asked.push([command, ...args]);
    return Promise.resolve(ran("", 1, wrong));
  };
  assert.deepEqual(await found(checkLibraries, { run }), [
    "fail libraries: Cannot use llama.cpp in /x: a.so is missing | remove /y: it helps",
  ]);
  assert.deepEqual(asked, [["/opt/llorch/llorch-candled", "libraries"]]);
  const findExecutable = () => {
    throw new LlorchError("WORKER_START_FAILED", "Cannot find it");
  };
  assert.deepEqual(await found(checkLibraries, { findExecutable }), []);
});

Deno.test("doctor: an installation needs its executables instead", async () => {
  assert.deepEqual(await found(checkInstallation, { checkout: undefined }), [
    "ok orchestratord: /opt/llorch/orchestratord",
    "ok pool-managerd: /opt/llorch/pool-managerd",
    "ok llorch-candled: /opt/llorch/llorch-candled",
  ]);
  const lines = await found(checkInstallation, {
    checkout: undefined,
    findExecutable: () => {
      throw new LlorchError("WORKER_START_FAILED", "nowhere");
    },
  });
  assert.match(lines[0] ?? "", /^warn orchestratord: not found \| put it beside llorch/);
});

Deno.test("doctor: a missing git is a warning", async () => {
  assert.deepEqual(await found(checkGit), ["ok git: 2.43.0"]);
  assert.deepEqual(await found(checkGit, { run: always(undefined) }), [
    "warn git: not found | install git",
  ]);
});

Deno.test("doctor: models are listed, broken files are shown, no model is a warning", async () => {
  assert.deepEqual(await found(checkModels), ["ok models: demo"]);
  const models = ["a", "b", "c", "d", "e", "f", "g"].map((name) => foundModel(name));
  assert.deepEqual(
    await found(checkModels, { findModels: always({ models, problems: ["/m/x.gguf: cut off"] }) }),
    [
      "warn models: /m/x.gguf: cut off | remove the file or fetch it again",
      "ok models: a, b, c, d, e, and 2 more",
    ],
  );
  assert.deepEqual(await found(checkModels, { findModels: always({ models: [], problems: [] }) }), [
    "warn models: none found | put a GGUF file into /home/ada/.local/share/llorch/models",
  ]);
});

Deno.test("doctor: models are searched for in the default folders and in the checkout", async () => {
  let searched: readonly string[] = [];
  const findModels: Machine["findModels"] = (dirs) => {
    searched = dirs;
    return Promise.resolve({ models: [foundModel("demo")], problems: [] });
  };
  await found(checkModels, { findModels });
  assert.deepEqual(searched, [
    "/var/lib/llorch/models",
    "/home/ada/.local/share/llorch/models",
    "/src/llorch/catalog/demo",
  ]);
  await found(checkModels, { findModels, checkout: undefined });
  assert.equal(searched.length, 2);
});

Deno.test("doctor: a context that is too short for agents is a warning, unless it is the model's own", async () => {
  const models = [foundModel("small"), foundModel("large", 131_072), foundModel("unknown", 0)];
  const at = { findModels: always({ models, problems: [] }) };
  const own = "agents need 16000 tokens: small has 2048, its own";
  const fix = 'set worker.default_context in pool-manager.toml to "auto" or a number, ' +
    "or give deno task up --context";
  assert.deepEqual(await found(checkContext, at), [
    `warn context: agents need 16000 tokens: large has 4096 of 131072, unknown has 4096 | ${fix}`,
    `ok context: ${own}`,
  ]);

  const toml = "[worker]\ndefault_context = 20000\n";
  const readText = (path: string) =>
    Promise.resolve(path === "/etc/llorch/pool-manager.toml" ? toml : undefined);
  assert.deepEqual(await found(checkContext, { ...at, readText }), [`ok context: ${own}`]);

  const auto = always('[worker]\ndefault_context = "auto"\n');
  const [enough, short] = await found(checkContext, { ...at, readText: auto });
  assert.match(enough ?? "", /^warn context: agents need 16000 tokens: unknown has 4096 \|/);
  assert.equal(short, `ok context: ${own}`);

  const workers = always([{ model_ref: models[1]!.ref, context: 8192 }]);
  assert.match(
    (await found(checkContext, { ...at, readText, workers }))[0] ?? "",
    /^warn context: agents need 16000 tokens: large has 8192 of 131072 \|/,
  );
  const long = { findModels: always({ models: [foundModel("large", 131_072)], problems: [] }) };
  assert.deepEqual(await found(checkContext, { ...long, readText }), [
    "ok context: enough for agents",
  ]);
});

Deno.test("doctor: little memory is a warning", async () => {
  assert.deepEqual(await found(checkMemory), ["ok memory: 8.0 GiB free of 16.0 GiB"]);
  const memory = { totalBytes: GIB, availableBytes: GIB / 2 };
  assert.match((await found(checkMemory, { memory }))[0] ?? "", /^warn memory: 512 MiB free/);
});

Deno.test("doctor: little disk space is a warning, none a failure", async () => {
  const status = async (freeBytes: number) =>
    (await found(checkDisk, { freeBytes: always(freeBytes) }))[0]?.split(" ")[0];
  assert.equal(await status(100 * GIB), "ok");
  assert.equal(await status(GIB), "warn");
  assert.equal(await status(0), "fail");
});

Deno.test("doctor: GPUs are listed, none is fine, a broken driver is a warning", async () => {
  const smi = (stdout: string, code = 0) => ({ run: always(ran(stdout, code)) });
  assert.deepEqual(await found(checkGpu), ["ok gpu: none found: models run on the CPU"]);
  assert.deepEqual(
    await found(checkGpu, smi("NVIDIA H100, 81559, 570.1\nNVIDIA L4, 23034, 570.1\n")),
    [
      "ok gpu 0: NVIDIA H100, 79.6 GiB, driver 570.1",
      "ok gpu 1: NVIDIA L4, 22.5 GiB, driver 570.1",
    ],
  );
  assert.deepEqual(await found(checkGpu, smi("No devices were found\n", 6)), [
    "warn gpu: nvidia-smi fails: No devices were found | check the NVIDIA driver",
  ]);
  assert.deepEqual(await found(checkGpu, { os: "darwin", arch: "aarch64" }), [
    "ok gpu: Apple GPU (Metal)",
  ]);
});

Deno.test("doctor: config files that exist are checked by the daemon that reads them", async () => {
  assert.deepEqual(await found(checkConfigFiles), ["ok config: no files: the defaults apply"]);
  const exists = (path: string) => path === "/etc/llorch/orchestrator.toml";
  let command: readonly string[] = [];
  const run = (code: number, stderr = ""): Machine["run"] => (program, args) => {
    command = [program, ...args];
    return Promise.resolve(ran("", code, stderr));
  };
  assert.deepEqual(await found(checkConfigFiles, { exists, run: run(0) }), [
    "ok config: /etc/llorch/orchestrator.toml is valid",
  ]);
  assert.deepEqual(command, [
    "/opt/llorch/orchestratord",
    "--check-config",
    "--config=/etc/llorch/orchestrator.toml",
  ]);
  const stderr = "orchestratord: /etc/llorch/orchestrator.toml:3: prot is not a known field\n";
  assert.deepEqual(await found(checkConfigFiles, { exists, run: run(2, stderr) }), [
    "fail config: /etc/llorch/orchestrator.toml:3: prot is not a known field" +
    " | correct it, then run orchestratord --check-config",
  ]);
});

Deno.test("doctor: a port is free, or held by its daemon, or in the way", async () => {
  const [free] = await found(checkPorts);
  assert.equal(free, "ok port 8080: free; orchestratord is not running");
  const at = async (daemon: string | undefined) =>
    (await found(checkPorts, { ...port8080Taken, daemonAt: always(daemon) }))[0];
  assert.equal(await at("orchestratord 0.1.0"), "ok port 8080: orchestratord 0.1.0 answers");
  const fix = "start orchestratord with another --port, or 0 for any free one";
  assert.equal(await at(undefined), `warn port 8080: in use by another program | ${fix}`);
  assert.equal(
    await at("pool-managerd 0.1.0"),
    `warn port 8080: in use by pool-managerd 0.1.0 | ${fix}`,
  );
});

Deno.test("doctor: ssh is needed only for --remote", async () => {
  assert.deepEqual(await found(checkSsh), ["ok ssh: OpenSSH_9.6p1"]);
  assert.deepEqual(await found(checkSsh, { run: always(undefined) }), [
    "warn ssh: not found | install the OpenSSH client; only --remote needs it",
  ]);
});

Deno.test("doctor: the configured daemons answer with their version", async () => {
  // The check of the ports already reports daemons on the default ports.
  assert.deepEqual(await found(checkDaemons), []);
  const daemonUrls = always({ orchestrator: "http://gpu1:8080", pool: "http://127.0.0.1:9200" });
  assert.deepEqual(
    await found(checkDaemons, { daemonUrls, daemonAt: always("orchestratord 0.1.0") }),
    ["ok orchestratord: orchestratord 0.1.0 answers at http://gpu1:8080"],
  );
  const fix = "start orchestratord there, or llorch config set orchestrator.url URL";
  assert.deepEqual(await found(checkDaemons, { daemonUrls }), [
    `warn orchestratord: no daemon of llorch answers at http://gpu1:8080 | ${fix}`,
  ]);
  const broken = () => Promise.reject(new UsageError("config.toml:3: url must be …"));
  assert.deepEqual(await found(checkDaemons, { daemonUrls: broken }), [
    "fail settings: config.toml:3: url must be … | correct it, then run llorch config validate",
  ]);
});
