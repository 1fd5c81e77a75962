import { join } from "node:path";
import { openSqliteStore } from "../store/sqlite/store.ts";
import type { Store } from "../store/job_store.ts";

/** Runs a test with a new database, in a folder that is removed afterwards. */
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

/** A store whose appends wait until the test releases them. */
export interface HeldStore extends Store {
  /** Number of append() calls. */
  readonly appends: number;
  /** Lets the waiting and all later appends through. */
  release(): void;
}

/** Wraps a store so that appends wait until it is released. */
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

/** A store whose appends can be made to fail. */
export interface BreakableStore extends Store {
  /** From now on every append fails with this error. */
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
