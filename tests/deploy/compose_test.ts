import assert from "node:assert/strict";
import { join } from "node:path";
import { configSpec as orchestratord } from "../../daemons/orchestratord/config.ts";
import { configSpec as poolManagerd } from "../../daemons/pool-managerd/config.ts";
import { type ConfigKey, configKeys, envName } from "#shared/config/schema.ts";
import { run } from "../../tools/build/process.ts";
import { ROOT } from "../support/stack.ts";

const FOLDER = join(ROOT, "deploy/compose");

/** Variables that a person sets. */
const ENV = {
  LLORCH_API_TOKEN: "0123456789abcdef",
  LLORCH_MODELS: "/srv/models",
  LLORCH_STORE_PASSWORD_FILE: "/srv/password",
};

/** Compose's command line: the plugin, or the program of its own. */
async function findCompose(): Promise<readonly string[] | undefined> {
  for (const command of [["docker", "compose"], ["docker-compose"]]) {
    const [program, ...args] = command;
    const isThere = await run(program!, [...args, "version"]).then(() => true, () => false);
    if (isThere) return command;
  }
}

const compose = await findCompose();
const why = compose === undefined ? " (skipped: needs docker compose or docker-compose)" : "";

function config(files: readonly string[], env: Record<string, string>) {
  const [program = "", ...args] = compose ?? [];
  const named = files.flatMap((file) => ["-f", join(FOLDER, file)]);
  return run(program, [...args, ...named, "config"], { cwd: FOLDER, env });
}

for (const files of [["compose.yaml"], ["compose.yaml", "gpu.yaml"], ["three.yaml"]]) {
  Deno.test({
    name: `compose reads ${files.join(" with ")}${why}`,
    ignore: why !== "",
    async fn() {
      const { stdout } = await config(files, ENV);
      assert.match(stdout, /read_only: true/);
      assert.match(stdout, /no-new-privileges:true/);
    },
  });
}

Deno.test({
  name: `compose says which variable is missing, and how it is made${why}`,
  ignore: why !== "",
  async fn() {
    await assert.rejects(
      config(["compose.yaml"], { LLORCH_MODELS: "/srv/models" }),
      /LLORCH_API_TOKEN.*set it to a long random text/s,
    );
  },
});

/** The text of a service in a file; by default the one for one host. */
async function service(name: string, file = "compose.yaml"): Promise<string> {
  const text = await Deno.readTextFile(join(FOLDER, file));
  const [, found] = new RegExp(`^  ${name}:\n((?:(?:    .*)?\n)*)`, "m").exec(text) ?? [];
  assert.ok(found, name);
  return found;
}

/** Variables that a daemon reads, by its keys. */
const variables = (keys: readonly ConfigKey[]) =>
  new Set(["LLORCH_API_TOKEN", ...keys.map(envName)]);

Deno.test("every variable of the file for one host is a setting of its daemon", async () => {
  const known = {
    orchestrator: variables(configKeys(orchestratord.schema)),
    "pool-manager": variables(configKeys(poolManagerd.schema)),
  };
  for (const [name, keys] of Object.entries(known)) {
    const text = await service(name);
    const used = [...text.matchAll(/^ {6}(LLORCH_\w+):/gm)].map(([, variable]) => variable!);
    assert.ok(used.length > 0);
    assert.deepEqual(used.filter((variable) => !keys.has(variable)), []);
  }
});

Deno.test("an engine waits longer for the end of a service than the service for its streams", async () => {
  const seconds = async (name: string) =>
    Number(/stop_grace_period: (\d+)s/.exec(await service(name))?.[1]);
  const ms = async (name: string, variable: string) =>
    Number(new RegExp(`${variable}: "(\\d+)"`).exec(await service(name))?.[1]);
  // A daemon closes within five seconds; a pool manager also takes five to say goodbye.
  const orchestrator = await ms("orchestrator", "LLORCH_STOP_DEADLINE_MS");
  assert.ok(await seconds("orchestrator") * 1000 > orchestrator + 5_000);
  const pool = await ms("pool-manager", "LLORCH_WORKER_STOP_DEADLINE_MS");
  assert.ok(await seconds("pool-manager") * 1000 > pool + 10_000);
});

Deno.test("each of three orchestrators has a name and an address of its own, and time to stop", async () => {
  const known = variables(configKeys(orchestratord.schema));
  const file = await Deno.readTextFile(join(FOLDER, "three.yaml"));
  for (const n of [1, 2, 3]) {
    const text = await service(`orchestrator-${n}`, "three.yaml");
    const used = [...text.matchAll(/^ {6}(LLORCH_\w+): (.*)/gm)];
    assert.deepEqual(used.filter(([, name]) => !known.has(name!)), []);
    assert.deepEqual(used.map(([, , value]) => value), [
      `orchestrator-${n}`,
      `http://orchestrator-${n}:8080`,
    ]);
  }
  const settings = await Deno.readTextFile(join(FOLDER, "orchestrator.cluster.toml"));
  const stopMs = Number(/^stop_deadline_ms = (\d+)/m.exec(settings)?.[1]);
  const [, shared = ""] = /^x-orchestrator: [^]*?stop_grace_period: (\d+)s/m.exec(file) ?? [];
  assert.ok(Number(shared) * 1000 > stopMs + 5_000);
});

const haproxy = await run("haproxy", ["-v"]).then(() => true, () => false);

Deno.test({
  name: `haproxy reads its settings${haproxy ? "" : " (skipped: needs haproxy)"}`,
  ignore: !haproxy,
  async fn() {
    await run("haproxy", ["-c", "-q", "-f", join(FOLDER, "haproxy.cfg")], { env: ENV });
  },
});
