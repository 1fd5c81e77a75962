/**
 * The images as containers: process 1, the read-only root, and what a stop does.
 *
 * @module
 */
import { Version } from "@cyclonedx/cyclonedx-library/Spec";
import { JsonStrictValidator } from "@cyclonedx/cyclonedx-library/Validation";
import assert from "node:assert/strict";
import { join } from "node:path";
import { STACK_KIB } from "#shared/for_llama.ts";
import { VERSION } from "#shared/version.ts";
import { readPins } from "../../tools/image/debian/pins.ts";
import { makeImages } from "../../tools/image/make.ts";
import { planImages } from "../../tools/image/plan.ts";
import {
  type Container,
  containerObstacle,
  type Inside,
  makeContainer,
  processesIn,
} from "../support/container.ts";
import { debianPackages } from "../support/image.ts";
import { writeCounterModel } from "../support/models.ts";
import { writeScriptModel } from "../support/script_model.ts";
import { listeningUrl, type Program, range, ROOT, until, within } from "../support/stack.ts";
import { commandOnTerminal, hasTerminal } from "../support/terminal.ts";
import { BYTE_LETTERS } from "../support/vocabulary.ts";

const TOKEN = "0123456789abcdef0123456789abcdef";

/** Settings of both daemons: on this machine's network, on free ports. */
const ENV = { LLORCH_API_TOKEN: TOKEN, LLORCH_HOST: "127.0.0.1", LLORCH_PORT: "0" };

const obstacle = await containerObstacle();
const packages = obstacle === undefined ? await debianPackages() : { why: obstacle };
const why = "why" in packages ? ` (skipped: ${packages.why})` : "";

/** A running daemon in a container. */
interface Running {
  readonly container: Container;
  readonly program: Program;
  readonly url: string;
}

/** Makes both images, and runs a test with their folder. */
async function withImages(test: (dir: string, images: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  try {
    const images = join(dir, "images");
    const from = "folder" in packages ? packages.folder : "";
    const args = ["orchestrator", "pool-manager", `--packages=${from}`, `--out=${images}`];
    await makeImages(planImages(args, Deno.build.target, ROOT), () => {});
    await test(dir, images);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** The demo model, one that counts, and one in whose vocabulary a run of spaces has few tokens. */
async function writeModels(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  await Deno.copyFile(join(ROOT, "catalog/demo/demo.gguf"), join(folder, "demo.gguf"));
  writeCounterModel(join(folder, "counter.gguf"), { numbers: 4000 });
  writeScriptModel(join(folder, "spaces.gguf"), {
    scripts: ["Fine"],
    template: "{% for message in messages %}{{ message['content'] }}{% endfor %}",
    runsOf: BYTE_LETTERS[0x20]!,
  });
  await Deno.chmod(folder, 0o755);
  for await (const { name } of Deno.readDir(folder)) await Deno.chmod(join(folder, name), 0o644);
}

async function start(container: Container): Promise<Running> {
  const program = container.start();
  const url = await listeningUrl(program).catch((error) => {
    throw new Error(`${error.message}:\n${program.stderr()}`);
  });
  // Read on, so that the log never stops the daemon.
  void Array.fromAsync(program.lines);
  return { container, program, url };
}

function ask(url: string, path: string, body: unknown): Promise<Response> {
  return fetch(`${url}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function complete(url: string, body: Record<string, unknown>) {
  const reply = await ask(url, "/v1/completions", body);
  const text = await reply.text();
  assert.equal(reply.status, 200, text);
  return JSON.parse(text);
}

/** The pool manager and its workers. */
async function familyOf(container: Container): Promise<{ daemon: Inside; workers: Inside[] }> {
  const all = await processesIn(container);
  const daemon = all.find(({ parent, command }) => parent === 1 && command === "deno");
  assert.ok(daemon, JSON.stringify(all));
  const workers = all.filter(({ parent, command }) => parent === daemon.pid && command === "deno");
  return { daemon, workers };
}

async function untilNoneIsLeftOf(container: Container, pids: readonly number[]): Promise<void> {
  let left: Inside[] = [];
  await until("ended processes are reaped", async () => {
    left = (await processesIn(container)).filter(({ pid, state }) =>
      pids.includes(pid) || state === "Z"
    );
    return left.length === 0;
  }).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(left)}`);
  });
}

Deno.test({
  name: `the images serve as containers with a read-only root, and stop as they should${why}`,
  ignore: why !== "",
  async fn(t) {
    await withImages(async (dir, images) => {
      const models = join(dir, "models");
      await writeModels(models);
      const made: Container[] = [];
      const prepare = async (image: string, env: Record<string, string>) => {
        const place = join(dir, image);
        await Deno.mkdir(place);
        const layout = join(images, image);
        const container = await makeContainer({
          ...{ layout, ref: VERSION, dir: place, env: { ...ENV, ...env } },
          ...(image === "pool-manager" ? { models } : {}),
        });
        made.push(container);
        return container;
      };
      try {
        const orchestrator = await start(
          await prepare("orchestrator", { LLORCH_STOP_DEADLINE_MS: "30000" }),
        );
        const pool = await start(
          await prepare("pool-manager", {
            LLORCH_ORCHESTRATOR_URL: orchestrator.url,
            LLORCH_WORKER_HOST: "127.0.0.1",
            LLORCH_WORKER_PORT_BASE: "0",
          }),
        );
        const { url } = orchestrator;
        const inside = pool.container;

        await t.step("the demo model answers", async () => {
          await until("the pool has registered", async () => {
            const headers = { authorization: `Bearer ${TOKEN}` };
            const reply = await fetch(`${url}/v1/models`, { headers });
            return (await reply.text()).includes('"demo"');
          });
          const { choices, usage } = await complete(url, {
            ...{ model: "demo", prompt: "hello", max_tokens: 8, temperature: 0 },
          });
          assert.equal(typeof choices[0].text, "string");
          assert.ok(usage.completion_tokens > 0);
        });

        await t.step("the bill of materials is valid, and names Debian's packages", async () => {
          const file = join(inside.root, "usr/share/doc/llorch/sbom.cdx.json");
          const text = await Deno.readTextFile(file);
          assert.equal(await new JsonStrictValidator(Version.v1dot6).validate(text), null);
          const { components } = JSON.parse(text);
          const { packages } = await readPins();
          for (const name of ["dash", "libc6", "tini"]) {
            const pin = packages.find((each) => each.name === name)!;
            const found = components.find((each: { name: string }) => each.name === name);
            assert.equal(found?.version, pin.version, name);
            assert.equal(found.hashes[0].content.length, 64);
            assert.match(found.purl, /^pkg:deb\/debian\//);
          }
          const status = join(inside.root, "var/lib/dpkg/status.d/dash");
          assert.match(await Deno.readTextFile(status), /^Package: dash$/m);
          const licences = join(inside.root, "usr/share/doc/llorch/THIRD_PARTY_LICENSES");
          assert.match(await Deno.readTextFile(licences), /\ndash 0\.5/);
        });

        await t.step("only the state and a bounded tmpfs can be written, as nobody", async () => {
          const tried = await inside.sh(
            "for at in / /etc /usr/lib/llorch /var /var/lib/llorch /tmp; do " +
              '(: > "$at/probe") 2>/dev/null && echo "$at"; done; ' +
              "while read -r name one rest; do case $name in Uid:|Gid:|CapEff:) echo $name $one;; " +
              "esac; done < /proc/self/status; while read -r line; do case $line in " +
              '*" /tmp "*) echo "$line";; esac; done < /proc/self/mounts',
          );
          const lines = tried.split("\n");
          assert.deepEqual(lines.slice(0, 5), [
            "/var/lib/llorch",
            "/tmp",
            "Uid: 65534",
            "Gid: 65534",
            "CapEff: 0000000000000000",
          ]);
          assert.match(lines[5]!, /size=65536k/);
        });

        await t.step("40 000 spaces are a prompt, tokenized on a large stack", async () => {
          const { choices, usage } = await complete(url, {
            ...{ model: "spaces", prompt: " ".repeat(40_000), max_tokens: 8, temperature: 0 },
          });
          assert.equal(choices[0].text, "Fine");
          assert.ok(usage.prompt_tokens >= 40_000 / 64, JSON.stringify(usage));
          const { workers } = await familyOf(inside);
          assert.ok(workers.length > 0);
          for (const { pid } of workers) {
            const limit = await inside.sh(
              'while read -r line; do case $line in "Max stack"*) echo "$line";; esac; done ' +
                `< /proc/${pid}/limits`,
            );
            assert.match(limit, new RegExp(`^Max stack size\\s+${STACK_KIB * 1024}\\s`));
          }
        });

        await t.step("an orphan is reaped", async () => {
          // The inner loop ends after the shell that started it, so only process 1 can reap it.
          const pid = await inside.sh(
            "(while kill -0 $$ 2>/dev/null; do :; done) >/dev/null 2>&1 & echo $!",
          );
          assert.match(pid, /^\d+$/);
          await untilNoneIsLeftOf(inside, [Number(pid)]);
        });

        await t.step(
          "kill -9 of workers leaves no zombie, and the next request is served",
          async () => {
            const { workers } = await familyOf(inside);
            const pids = workers.map(({ pid }) => pid);
            await inside.sh(`kill -9 ${pids.join(" ")}`);
            await untilNoneIsLeftOf(inside, pids);
            const { choices } = await complete(url, {
              ...{ model: "counter", prompt: " w7", max_tokens: 3, temperature: 0 },
            });
            assert.equal(choices[0].text, " w8 w9 w10");
          },
        );

        await t.step("SIGTERM lets a running stream end, then all of it ends", async () => {
          const count = 2000;
          const reply = await ask(url, "/v1/completions", {
            ...{ model: "counter", prompt: " w0", max_tokens: count, temperature: 0, stream: true },
          });
          let text = "";
          let isStopping = false;
          for await (const part of reply.body!.pipeThrough(new TextDecoderStream())) {
            text += part;
            if (isStopping || !text.includes(" w1")) continue;
            isStopping = true;
            await orchestrator.container.signal("TERM");
          }
          const said = [...text.matchAll(/"text":"((?:[^"\\]|\\.)*)"/g)].map(([, piece]) => piece);
          assert.equal(said.join(""), range(1, count).map((number) => ` w${number}`).join(""));
          assert.match(text, /data: \[DONE\]\s*$/);
          assert.equal((await within(orchestrator.program.status, "it has ended")).code, 0);
          await pool.container.signal("TERM");
          assert.equal((await within(pool.program.status, "it has ended")).code, 0);
        });
      } finally {
        for (const container of made) await container.remove();
      }

      await t.step({
        name: `Ctrl-C stops a container${hasTerminal ? "" : " (skipped: needs Python)"}`,
        ignore: !hasTerminal,
        async fn() {
          const place = join(dir, "terminal");
          await Deno.mkdir(place);
          const container = await makeContainer({
            ...{ layout: join(images, "orchestrator"), ref: VERSION, dir: place },
            ...{ env: ENV, terminal: true },
          });
          try {
            const { code, text } = await commandOnTerminal(
              container.command,
              { when: "listening url=", keys: "\x03" },
              {},
            );
            assert.match(text, /stopping reason=/);
            assert.match(text, /stopped exit_code=/);
            assert.ok([0, 130].includes(code), `${code}: ${text}`);
          } finally {
            await container.remove();
          }
        },
      });
    });
  },
});
