import assert from "node:assert/strict";
import { readLines } from "#shared/lines.ts";

/**
 * Runs in another process: prints a line once the transaction is open, and exits when its stdin
 * ends.
 */
const PROGRAM = `
  import { DatabaseSync } from "node:sqlite";
  const [path, ...statements] = Deno.args;
  const db = new DatabaseSync(path, { timeout: 5000 });
  for (const sql of statements) db.prepare(sql).all();
  console.log("held");
  for await (const _ of Deno.stdin.readable);
  db.close();
`;

/** Takes the write lock. */
export const WRITES: readonly string[] = ["BEGIN IMMEDIATE"];

/** Stays in a read transaction, which keeps SQLite from restarting the write-ahead log. */
export const READS: readonly string[] = ["BEGIN", "SELECT count(*) FROM sqlite_master"];

/** Another program that has a transaction open on a database. */
export interface Holder {
  /** Ends the transaction and the program. */
  release(): Promise<void>;
}

/** Opens a transaction in another process; returns once it is open. */
export async function holdDatabase(path: string, statements: readonly string[]): Promise<Holder> {
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(file, PROGRAM);
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-config",
      "--allow-read",
      "--allow-write",
      file,
      path,
      ...statements,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = readLines(child.stdout);
  assert.equal((await lines.next()).value, "held");
  let released: Promise<void> | undefined;
  return {
    release: () =>
      released ??= (async () => {
        await child.stdin.close();
        await lines.return(undefined);
        await child.status;
        await Deno.remove(file);
      })(),
  };
}

/** Runs `work` and returns the longest time for which it blocked the event loop, in ms. */
export async function longestStall(work: () => Promise<void>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const measure = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(measure, 5);
  try {
    await work();
  } finally {
    measure();
    clearInterval(timer);
  }
  return longest;
}
