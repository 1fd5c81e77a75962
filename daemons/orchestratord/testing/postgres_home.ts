import { openPostgresStore, type PostgresStoreOptions } from "../store/postgres/store.ts";
import { Servers } from "../store/postgres/servers.ts";
import { Session } from "../store/postgres/session.ts";
import { parseStoreUrl } from "../store/postgres/store_url.ts";
import type { Store } from "../store/job_store.ts";
import { type Postgres, startPostgres, WHY_NO_POSTGRES } from "../../../tests/support/postgres.ts";

/** A server that the tests of one file share, each with a schema of its own. */
export interface SharedPostgres {
  /** Registers a test; it is skipped with the reason where there is no PostgreSQL. */
  test(name: string, run: (home: PostgresHome) => Promise<void>): void;
  /** Only once the tests run. */
  home(): PostgresHome;
}

/** The server, and one schema in its database. */
export interface PostgresHome {
  readonly server: Postgres;
  readonly schema: string;
  readonly servers: Servers;
  open(options?: Partial<PostgresStoreOptions>): Promise<Store>;
  /** A session beside the store's. */
  session(): Promise<Session>;
  /** Carries out statements on a session of their own. */
  run(sql: string): Promise<void>;
}

let schemas = 0;

/** Starts a server for the tests of a file. */
export function sharedPostgres(...options: Parameters<typeof startPostgres>): SharedPostgres {
  let server: Postgres | undefined;
  if (WHY_NO_POSTGRES === undefined) {
    Deno.test.beforeAll(async () => void (server = await startPostgres(...options)));
    Deno.test.afterAll(() => server?.remove());
  }
  const home = () => homeIn(server!, `case_${++schemas}`);
  return {
    home,
    test(name, run) {
      const reason = WHY_NO_POSTGRES === undefined ? "" : ` (skipped: ${WHY_NO_POSTGRES})`;
      Deno.test({ name: name + reason, ignore: reason !== "", fn: () => run(home()) });
    },
  };
}

/** A schema of a server. */
export function homeIn(server: Postgres, schema: string): PostgresHome {
  const url = parseStoreUrl(server.url(schema));
  const servers = new Servers({ url, password: () => "" });
  const session = async () => {
    const host = url.hosts[0]!;
    const own = { host, password: () => "", tls: undefined, name: "test" };
    const opened = await Session.open({ ...url, ...own });
    // Tests hold locks for as long as they need.
    await opened.query("SET idle_in_transaction_session_timeout = 0");
    return opened;
  };
  return {
    server,
    schema,
    servers,
    session,
    open: (options) =>
      openPostgresStore({
        servers,
        replicaId: "replica-1",
        connections: 4,
        commitEveryMs: 2,
        ...options,
      }),
    async run(sql) {
      const own = await session();
      try {
        await own.query(sql);
      } finally {
        await own.close();
      }
    },
  };
}
