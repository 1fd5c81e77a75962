import { join } from "node:path";
import { readSecretFile } from "#shared/secrets.ts";
import { readCa } from "#shared/http/tls.ts";
import type { FileProblem } from "#shared/config/spec.ts";
import { errorMessage, LlorchError } from "#shared/errors.ts";
import { UsageError } from "#shared/lifecycle.ts";
import { defaultStateDir } from "#shared/paths.ts";
import { type Config, databasePath } from "./config.ts";
import type { Store } from "./store/job_store.ts";
import type { PostgresStoreOptions } from "./store/postgres/store.ts";
import type { PostgresSeat, SeatOptions } from "./store/postgres/seat.ts";
import type { Servers } from "./store/postgres/servers.ts";
import type { Session } from "./store/postgres/session.ts";
import { openSqliteStore, type StoreOptions } from "./store/sqlite/store.ts";

/** What messages call the file of `store.password_file`. */
const PASSWORD = "password file";

/** PostgreSQL's code for a password that is not the role's. */
const WRONG_PASSWORD = "28P01";

/** The part of the configuration that says where the store is. */
type StoreConfig = Pick<Config, "store" | "state_dir">;

/** Options of {@linkcode openStore}. */
export type OpenOptions =
  & StoreOptions
  & Pick<PostgresStoreOptions, "onFenced" | "url" | "policySha256" | "replicaId">;

/** Opens the store that the configuration names; SQLite's is in the state folder `dir`. */
export async function openStore(
  { store }: StoreConfig,
  dir: string,
  options: OpenOptions,
): Promise<Store> {
  if (store.url === undefined) {
    const idle = store.password_file !== undefined ? "password_file" : store.tls.ca && "tls.ca";
    if (idle) throw new UsageError(`store.${idle} is of no use without store.url`);
    return openSqliteStore(databasePath(dir), options);
  }
  return await openPostgres(store, options);
}

/**
 * Opens the store for a command beside orchestratord, which may run.
 *
 * @throws {LlorchError} `NOT_FOUND` if there is none
 */
export async function openExistingStore({ store, state_dir }: StoreConfig): Promise<Store> {
  if (store.url !== undefined) return await openPostgres(store, { replicaId: "" });
  const dir = state_dir ?? defaultStateDir((name) => Deno.env.get(name), "orchestratord");
  const path = databasePath(dir);
  try {
    await Deno.stat(path);
  } catch (error) {
    // Not created here: if another user than the service's created it, the service could not use it.
    throw new LlorchError(
      "NOT_FOUND",
      `Cannot find the database ${path}: start orchestratord once, or name its folder with --state-dir`,
      { cause: error },
    );
  }
  return openSqliteStore(path);
}

/** The seat of the leader in the database; undefined for SQLite, which one process has for itself. */
export async function openSeat(
  { store, cluster }: Pick<Config, "store" | "cluster">,
  { incarnation, url }: Pick<SeatOptions, "incarnation" | "url">,
): Promise<PostgresSeat | undefined> {
  if (store.url === undefined) return undefined;
  const { PostgresSeat } = await import("./store/postgres/seat.ts");
  const servers = await serversOf(store.url, store);
  return new PostgresSeat({ servers, ttlMs: cluster.leader_ttl_ms, incarnation, url });
}

/** The servers of a PostgreSQL database, as `[store]` says how to reach them. */
export async function serversOf(url: string, store: Config["store"]): Promise<Servers> {
  // A daemon with SQLite need not load it.
  const { Servers } = await import("./store/postgres/servers.ts");
  const { parseStoreUrl } = await import("./store/postgres/store_url.ts");
  const { password_file } = store;
  const password = () => password_file === undefined ? "" : readSecretFile(password_file, PASSWORD);
  // At once, for a message before the first connection.
  password();
  const { insecure } = store.tls;
  return new Servers({ url: parseStoreUrl(url), ca: readCa(store.tls), insecure, password });
}

/**
 * Opens a session of a command.
 *
 * @throws {LlorchError} `INTERNAL` if no server takes writes
 */
export async function openSession(
  servers: Servers,
  ...options: Parameters<Servers["open"]>
): Promise<Session> {
  try {
    return await servers.open(...options);
  } catch (error) {
    throw notOpened(error);
  }
}

/** What is wrong with the database that the configuration names. */
export async function checkStore(
  config: StoreConfig & Pick<Config, "cluster" | "host">,
): Promise<FileProblem[]> {
  const idle = idleSettings(config);
  if (idle.length > 0) return idle;
  const { password_file, tls } = config.store;
  const files: [string[], () => unknown][] = [
    [["store", "password_file"], () => password_file && readSecretFile(password_file, PASSWORD)],
    [["store", "tls", "ca"], () => readCa(tls)],
  ];
  const unread = files.flatMap(([key, read]) => {
    try {
      read();
      return [];
    } catch (error) {
      return [{ key, message: errorMessage(error) }];
    }
  });
  if (unread.length > 0) return unread;
  try {
    await describeStore(config);
    return [];
  } catch (error) {
    const isPassword = password_file !== undefined &&
      (error as { readonly code?: unknown }).code === WRONG_PASSWORD;
    const key = isPassword ? "password_file" : "url";
    return [{ key: ["store", key], message: errorMessage(error) }];
  }
}

/**
 * Settings about PostgreSQL or other orchestrators that do not fit the rest. Not a matter of the schema, since
 * `store copy` uses some of them without `store.url`.
 */
export function idleSettings(
  { store, cluster, host }: Pick<Config, "store" | "cluster" | "host">,
): FileProblem[] {
  if (store.url !== undefined) {
    if (cluster.advertise_url !== undefined || !/^(0\.0\.0\.0|::)$/.test(host)) return [];
    const message =
      `is needed with host ${host}: others must know where to reach this orchestrator`;
    return [{ key: ["cluster", "advertise_url"], message }];
  }
  const settings: [string[], unknown][] = [
    [["store", "password_file"], store.password_file],
    [["store", "tls", "ca"], store.tls.ca],
    [["cluster", "replica_id"], cluster.replica_id],
    [["cluster", "advertise_url"], cluster.advertise_url],
  ];
  return settings.filter(([, value]) => value !== undefined)
    .map(([key]) => ({ key, message: "is of no use without store.url" }));
}

/** A line about the database that the configuration names; none for SQLite. */
export async function describeStore({ store }: StoreConfig): Promise<string[]> {
  if (store.url === undefined) return [];
  const { MIGRATIONS, versionOf } = await import("./store/postgres/migrate.ts");
  const servers = await serversOf(store.url, store);
  const session = await servers.open("llorch check");
  try {
    const version = await versionOf(session, servers.schema);
    const tables = version === 0
      ? "no tables yet"
      : `tables of version ${version} of ${MIGRATIONS.length}`;
    const { server, version: release } = servers.facts!;
    return [
      `store.url: PostgreSQL ${release} at ${server} takes writes; schema ${servers.schema}: ${tables}`,
    ];
  } finally {
    await session.close();
  }
}

async function openPostgres(
  store: Config["store"],
  options: Omit<PostgresStoreOptions, "servers" | "connections" | "commitEveryMs">,
): Promise<Store> {
  const { openPostgresStore } = await import("./store/postgres/store.ts");
  const servers = await serversOf(store.url!, store);
  try {
    return await openPostgresStore({
      ...options,
      servers,
      connections: store.connections,
      commitEveryMs: store.commit_every_ms,
    });
  } catch (error) {
    throw error instanceof LlorchError ? error : notOpened(error);
  }
}

/** The error of a database that cannot be opened. */
function notOpened(error: unknown): LlorchError {
  const message = `Cannot open the database: ${errorMessage(error)}`;
  return new LlorchError("INTERNAL", message, { cause: error });
}

/**
 * The name of an orchestratord among those of a database: the configured one, else one in its state folder,
 * the same at each start.
 */
export function replicaIdOf({ store, cluster }: Pick<Config, "store" | "cluster">, dir: string) {
  if (cluster.replica_id !== undefined) return cluster.replica_id;
  if (store.url === undefined) return "local";
  const path = join(dir, "replica_id");
  try {
    const known = Deno.readTextFileSync(path).trim();
    if (known !== "") return known;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const id = crypto.randomUUID();
  Deno.writeTextFileSync(path, `${id}\n`, { mode: 0o600 });
  return id;
}
