import assert from "node:assert/strict";
import { join } from "node:path";
import { WorkerLog } from "./worker_log.ts";

function withFile(test: (path: string, write: (text: string) => void) => void): () => void {
  return () => {
    const dir = Deno.makeTempDirSync();
    const path = join(dir, "w.log");
    try {
      test(path, (text) => Deno.writeTextFileSync(path, text, { append: true }));
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  };
}

Deno.test(
  "a log passes on complete lines, also when a read cuts a line or a character in two",
  withFile((path, write) => {
    const passed: string[] = [];
    const log = new WorkerLog(path, (line) => passed.push(line), true);
    log.look();
    write("one\ntw");
    log.look();
    assert.deepEqual(passed, ["one"]);
    assert.deepEqual(log.lines, ["one", "tw"]);
    const bytes = new TextEncoder().encode("ö\n");
    Deno.writeFileSync(path, bytes.subarray(0, 1), { append: true });
    log.look();
    Deno.writeFileSync(path, bytes.subarray(1), { append: true });
    log.look();
    assert.deepEqual(passed, ["one", "twö"]);
  }),
);

Deno.test(
  "a log keeps lines from before it was opened, without passing them on",
  withFile((path, write) => {
    write("old\n");
    const passed: string[] = [];
    const log = new WorkerLog(path, (line) => passed.push(line), true);
    assert.deepEqual(log.lines, ["old"]);
    write("new\n");
    log.look();
    assert.deepEqual(passed, ["new"]);
  }),
);

Deno.test(
  "a log passes on lines that its worker wrote before the first read",
  withFile((path, write) => {
    write("first\nlast");
    const passed: string[] = [];
    const log = new WorkerLog(path, (line) => passed.push(line), false);
    assert.deepEqual(passed, ["first"]);
    log.finish();
    assert.deepEqual(passed, ["first", "last"]);
  }),
);

Deno.test(
  "a log keeps the last 100 lines, each of bounded length",
  withFile((path, write) => {
    const log = new WorkerLog(path, () => {}, true);
    write(Array.from({ length: 150 }, (_, index) => `${index}\n`).join(""));
    write("x".repeat(10_000) + "\n");
    log.look();
    assert.equal(log.lines.length, 100);
    assert.equal(log.lines[0], "51");
    assert.equal(log.lines.at(-1)?.length, 2_000);
  }),
);

Deno.test(
  "a log of a worker that writes too fast says how much it left out",
  withFile((path, write) => {
    const log = new WorkerLog(path, () => {}, true);
    write("y".repeat(99) + "\n");
    write(("z".repeat(1023) + "\n").repeat(300));
    log.look();
    assert.equal(log.lines.at(-1), "z".repeat(1023));
    const passed: string[] = [];
    const second = new WorkerLog(path, (line) => passed.push(line), true);
    write(("z".repeat(1023) + "\n").repeat(300));
    second.look();
    assert.match(passed[0] ?? "", /^… 45056 bytes of log left out$/);
  }),
);

Deno.test(
  "a file that has grown large is emptied, and reading continues at its start",
  withFile((path, write) => {
    const log = new WorkerLog(path, () => {}, true);
    write(("z".repeat(1023) + "\n").repeat(9 * 1024));
    log.look();
    assert.equal(Deno.statSync(path).size, 0);
    write("after\n");
    log.look();
    assert.equal(log.lines.at(-1), "after");
  }),
);

Deno.test(
  "lines that were passed on are removed from the file once the worker is quiet",
  withFile((path, write) => {
    const passed: string[] = [];
    const log = new WorkerLog(path, (line) => passed.push(line), true);
    write(("z".repeat(1023) + "\n").repeat(100));
    log.look();
    assert.equal(passed.length, 100);
    assert.ok(Deno.statSync(path).size > 0, "the worker may still be writing");
    log.look();
    assert.equal(Deno.statSync(path).size, 0);
    write("after\n");
    log.look();
    assert.deepEqual([log.lines.length, log.lines.at(-1)], [100, "after"]);
    log.look();
    assert.equal(Deno.statSync(path).size, 6, "a short tail stays for the next pool manager");
  }),
);
