import { join } from "node:path";
import {
  type CreatedKey,
  type NewKey,
  orchestratorRoutes as routes,
} from "#shared/contracts/mod.ts";
import { type Client, createClient } from "#shared/http/client.ts";
import { createLogger } from "#shared/logging.ts";
import { configSchema } from "../config.ts";
import { Orchestratord } from "../daemon.ts";
import { FakePool } from "./harness.ts";

/** The token that the daemons of a test share. */
export const ROOT = "the-token-that-the-daemons-share";

/** An orchestrator with a token, and clients for it with different keys. */
export interface Guarded {
  readonly url: string;
  readonly stateDir: string;
  /** A client with the shared token. */
  readonly root: Client;
  client(token: string | undefined): Client;
  key(wanted: Partial<NewKey> & { name: string }): Promise<CreatedKey>;
  /** Opens a pool that registers with this secret; null: without one. */
  pool(token?: string | null): Promise<FakePool>;
  /** Restarts the orchestrator at the same address. */
  restart(): Promise<void>;
}

/** Runs a test with an orchestrator that has a token. */
export async function withGuarded(
  settings: Record<string, unknown>,
  test: (guarded: Guarded) => Promise<void>,
): Promise<void> {
  const dir = await Deno.makeTempDir();
  const tokenFile = join(dir, "token");
  await Deno.writeTextFile(tokenFile, ROOT, { mode: 0o600 });
  const config = configSchema.parse({
    port: 0,
    tick_ms: 20,
    state_dir: dir,
    token_file: tokenFile,
    ...settings,
  });
  const open = (port: number) =>
    Orchestratord.open({ ...config, port }, { log: createLogger("test") });
  let daemon = await open(0);
  const pools: FakePool[] = [];
  const client = (token: string | undefined) => createClient({ baseUrl: daemon.url, token });
  try {
    await test({
      get url() {
        return daemon.url;
      },
      stateDir: dir,
      get root() {
        return client(ROOT);
      },
      client,
      key: (wanted) => client(ROOT).call(routes.createKey, { body: wanted }),
      async pool(token: string | null = ROOT) {
        const pool = await FakePool.open(daemon.url, token ?? undefined);
        pools.push(pool);
        await pool.register();
        return pool;
      },
      async restart() {
        const { port } = new URL(daemon.url);
        await daemon.close();
        daemon = await open(Number(port));
        for (const pool of pools) pool.follow(daemon.url);
      },
    });
  } finally {
    for (const pool of pools) await pool.close();
    await daemon.close();
    await Deno.remove(dir, { recursive: true });
  }
}
