import { join } from "node:path";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/job_store.ts";

/** Runs a test with a database of its own, in a folder that goes afterwards. */
export async function withStore(test: (store: Store) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
  const store = openSqliteStore(join(dir, "orchestrator.db"));
  try {
    await test(store);
  } finally {
    await store.close();
    await Deno.remove(dir, { recursive: true });
  }
}

/** A store whose additions wait for the test. */
export interface HeldStore extends Store {
  /** Additions that were asked for. */
  readonly appends: number;
  /** Lets the additions go on, those that wait and those that come. */
  release(): void;
}

/** A store that keeps what is added to jobs waiting until it is released. */
export function holdAppends(store: Store): HeldStore {
  const released = Promise.withResolvers<void>();
  let appends = 0;
  return {
    ...store,
    append: async (jobId, take) => {
      appends++;
      await released.promise;
      await store.append(jobId, take);
    },
    get appends() {
      return appends;
    },
    release: released.resolve,
  };
}

/** A store that may fail. */
export interface BreakableStore extends Store {
  /** From now on nothing can be added to a job. */
  break(error: Error): void;
}

/** A store that works until the test breaks it. */
export function breakable(store: Store): BreakableStore {
  let broken: Error | undefined;
  return {
    ...store,
    append: (jobId, take) => broken ? Promise.reject(broken) : store.append(jobId, take),
    break: (error) => void (broken = error),
  };
}
