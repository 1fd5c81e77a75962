import assert from "node:assert/strict";
import { join } from "node:path";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { recordingLogger } from "../testdata/log.ts";
import { poolModel } from "../testdata/records.ts";
import { openStagedFiles, StagedFiles } from "./staged_files.ts";
import { Staging } from "./staging.ts";

const SHM = "/dev/shm";
const reason = (() => {
  try {
    return Deno.statSync(SHM).isDirectory ? undefined : "no /dev/shm";
  } catch {
    return "no /dev/shm";
  }
})();

const until = async (condition: () => boolean) => {
  const giveUp = performance.now() + 30_000;
  while (!condition()) {
    assert.ok(performance.now() < giveUp, "the condition did not hold within half a minute");
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
};

interface Setup {
  readonly staging: Staging;
  readonly dir: string;
  readonly alive: Set<string>;
  readonly machine: { room: number };
  readonly log: ReturnType<typeof recordingLogger>;
  /** A model of this many bytes. */
  model(name: string, bytes: number, sha256?: string): ReturnType<typeof poolModel>;
  stage(model: ReturnType<typeof poolModel>): Promise<void>;
  /** Opens the same folder again, as after a crash. */
  reopen(): Promise<Staging>;
  names(): string[];
}

function test(name: string, work: (setup: Setup) => Promise<void>): void {
  Deno.test({
    name: reason === undefined ? name : `${name} (skipped: ${reason})`,
    ignore: reason !== undefined,
    async fn() {
      const dir = await Deno.makeTempDir({ dir: SHM, prefix: "llorch-staging-test-" });
      const sources = await Deno.makeTempDir();
      const alive = new Set<string>();
      const machine = { room: 1e9 };
      const log = recordingLogger();
      const clock = new FakeClock();
      const open = () =>
        new Staging({
          files: new StagedFiles(join(dir, "copies")),
          maxBytes: 100,
          workersOf: () => [...alive],
          room: () => Promise.resolve(machine.room),
          clock,
          log,
        });
      const staging = open();
      const opened = [staging];
      try {
        await work({
          staging,
          dir: join(dir, "copies"),
          alive,
          machine,
          log,
          model(name, bytes, sha256) {
            const path = join(sources, `${name}.gguf`);
            Deno.writeFileSync(path, new Uint8Array(bytes).fill(name.charCodeAt(0)));
            return poolModel({
              path,
              size_bytes: bytes,
              fingerprint: name.padEnd(64, "0"),
              ...(sha256 === undefined ? {} : { sha256 }),
            });
          },
          async stage(model) {
            clock.advance(1);
            staging.offer(model);
            await until(() => staging.isStaged(model.fingerprint));
          },
          async reopen() {
            const again = open();
            opened.push(again);
            await again.open(() => {});
            return again;
          },
          names: () =>
            [...Deno.readDirSync(join(dir, "copies"))].map(({ name }) => name.replace(/0+\./, "."))
              .sort(),
        });
      } finally {
        for (const each of opened) await each.close();
        await Deno.remove(dir, { recursive: true });
        await Deno.remove(sources, { recursive: true });
      }
    },
  });
}

test("a loaded model is copied, and the next worker starts from the copy", async (setup) => {
  const { staging, model, stage } = setup;
  const a = model("a", 40);
  assert.equal(staging.use(a.fingerprint, "w1"), undefined);
  await stage(a);
  const path = staging.use(a.fingerprint, "w2")!;
  assert.deepEqual(await Deno.readFile(path), await Deno.readFile(a.path));
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
});

test("the least recently used copy is removed, but none that a running worker was started from", async (setup) => {
  const { staging, model, stage, alive } = setup;
  const [a, b, c] = [model("a", 40), model("b", 40), model("c", 40)];
  await stage(a);
  await stage(b);
  alive.add("w1");
  staging.use(a.fingerprint, "w1");
  await stage(c);
  assert.deepEqual([a, b, c].map(({ fingerprint }) => staging.isStaged(fingerprint)), [
    true,
    false,
    true,
  ]);
  assert.equal(staging.bytes, 80);
});

test("a load that is short of memory gets that of copies, and they count as free before", async (setup) => {
  const { staging, model, stage, alive } = setup;
  const [a, b] = [model("a", 40), model("b", 40)];
  await stage(a);
  await stage(b);
  alive.add("w1");
  staging.use(a.fingerprint, "w1");
  const cpu = { id: "cpu", kind: "cpu", name: "CPU", total_bytes: 1000, free_bytes: 100 } as const;
  assert.equal(staging.credit([cpu])[0]?.free_bytes, 140);
  staging.makeRoom(60);
  assert.equal(staging.isStaged(a.fingerprint), true);
  assert.equal(staging.isStaged(b.fingerprint), false);
  assert.equal(staging.credit([cpu])[0]?.free_bytes, 100);
});

test("without free memory on the machine nothing is copied", async (setup) => {
  const { staging, model, machine, names } = setup;
  machine.room = 39;
  staging.offer(model("a", 40));
  await staging.close();
  assert.deepEqual(names(), []);
});

test("a file that differs from its manifest is not staged", async (setup) => {
  const { staging, model, log, names } = setup;
  staging.offer(model("a", 40, "0".repeat(64)));
  await until(() => log.lines.some(({ event }) => event === "model_not_staged"));
  assert.deepEqual(names(), []);
});

test("a copy whose source has changed is removed", async (setup) => {
  const { staging, model, stage, names } = setup;
  const a = model("a", 40);
  await stage(a);
  await Deno.writeFile(a.path, new Uint8Array(40));
  await Deno.utime(a.path, new Date(), new Date(Date.now() + 5000));
  assert.equal(staging.use(a.fingerprint, "w1"), undefined);
  assert.deepEqual(names(), []);
});

test("after a crash complete copies are used again, and everything else is removed", async (setup) => {
  const { model, stage, dir, reopen, names } = setup;
  const [a, b] = [model("a", 40), model("b", 40)];
  await stage(a);
  await stage(b);
  const damaged = join(dir, `${b.fingerprint}.gguf`);
  const bytes = await Deno.readFile(damaged);
  bytes[20]! ^= 1;
  await Deno.writeFile(damaged, bytes);
  await Deno.writeTextFile(join(dir, `${"c".padEnd(64, "0")}.gguf.part`), "half of a");
  await Deno.writeTextFile(join(dir, `${"d".padEnd(64, "0")}.gguf`), "whole, and nobody noted it");
  const again = await reopen();
  assert.deepEqual(names(), ["a.gguf", "a.json"]);
  assert.equal(again.isStaged(a.fingerprint), true);
  assert.equal(again.isStaged(b.fingerprint), false);
});

Deno.test({
  name: "a folder on a disk is refused",
  ignore: Deno.build.os !== "linux",
  fn() {
    const dir = Deno.makeTempDirSync({ dir: import.meta.dirname!, prefix: "not-in-memory-" });
    try {
      assert.throws(() => new StagedFiles(dir), /on a disk; name a tmpfs/);
    } finally {
      Deno.removeSync(dir);
    }
  },
});

test("if staging is switched off, earlier copies are removed, and nothing else", async (setup) => {
  const { dir, log, model, stage } = setup;
  const [a, b] = [model("a", 40), model("b", 40)];
  await stage(a);
  await stage(b);
  const open = () => openStagedFiles({ dir, maxBytes: 0, log });
  const mine = join(dir, "mine.gguf");
  await Deno.writeTextFile(mine, "x");
  assert.equal(open(), undefined);
  assert.deepEqual(setup.names(), ["mine.gguf"]);
  await Deno.remove(mine);
  open();
  assert.throws(() => Deno.statSync(dir), Deno.errors.NotFound);
  assert.equal(open(), undefined, "a missing folder means no staging");
  await Deno.mkdir(dir);
});

test("a link in place of the folder of copies is left alone", async (setup) => {
  const { dir, log, model, stage } = setup;
  await stage(model("a", 40));
  const link = `${dir}-link`;
  await Deno.symlink(dir, link);
  openStagedFiles({ dir: link, maxBytes: 0, log });
  assert.equal(setup.names().length, 2);
});
