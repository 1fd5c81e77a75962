/**
 * A PostgreSQL server of a test file's own, from the programs of Debian's package `postgresql`.
 *
 * @module
 */
import { join } from "node:path";
import { LOOPBACK } from "#shared/defaults.ts";
import { defined } from "#shared/json.ts";

/** Where Debian installs the programs of each version. */
const VERSIONS = "/usr/lib/postgresql";

/** The role that owns everything; it needs no password on the socket. */
const USER = "llorch";

/** Why there is no server; undefined if there can be one. */
export const WHY_NO_POSTGRES: string | undefined = programs() === undefined
  ? "needs Debian's package postgresql"
  : undefined;

/** Options of {@linkcode startPostgres}. */
export interface PostgresOptions {
  /** Lines for `postgresql.conf`. */
  readonly settings?: readonly string[];
  /** Whether it listens on loopback, too, and not only on a socket. */
  readonly listens?: boolean;
  /** Where its folder is made. */
  readonly parent?: string;
  /** The server whose copy it is: it takes no writes until it is promoted. */
  readonly standbyOf?: Postgres;
}

/** A running server. */
export interface Postgres {
  /** Folder of its socket, and of its data. */
  readonly dir: string;
  readonly port: number;
  /** URL of a schema in its database, over the socket unless it listens on a port. */
  url(schema?: string): string;
  /** Stops it; `immediate` as a crash would. */
  stop(mode: "fast" | "immediate"): Promise<void>;
  start(): Promise<void>;
  /** Makes a copy take writes, without those of the first server that it does not have. */
  promote(): Promise<void>;
  /** Runs a statement. */
  query(sql: string): Promise<void>;
  /** Replaces a file of its data, such as `pg_hba.conf`; it is its own, and nobody else's. */
  write(name: string, text: string): Promise<void>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
}

/** Starts a server with an empty database; it is ready when the promise resolves. */
export async function startPostgres(
  { settings = [], listens = false, standbyOf, parent }: PostgresOptions = {},
): Promise<Postgres> {
  const bin = programs();
  if (bin === undefined) throw new Error(`PostgreSQL ${WHY_NO_POSTGRES}`);
  const dir = await Deno.makeTempDir({ prefix: "llorch-pg-", ...defined({ dir: parent }) });
  const owner = ownerOf();
  if (owner) await Deno.chown(dir, owner.uid, owner.gid);
  const run = async (program: string, ...args: readonly string[]) => {
    // `pg_ctl` leaves the server behind with its own streams: a pipe would stay open.
    const isPiped = program !== "pg_ctl";
    const output = await new Deno.Command(join(bin, program), {
      args: [...args],
      cwd: dir,
      stdin: "null",
      stdout: "null",
      stderr: isPiped ? "piped" : "null",
      ...owner,
    }).output();
    if (output.success) return;
    const said = isPiped
      ? new TextDecoder().decode(output.stderr)
      : await Deno.readTextFile(join(dir, "log")).catch(() => "");
    throw new Error(`${program} has failed:\n${said}`);
  };
  const data = join(dir, "data");
  if (standbyOf === undefined) {
    const init = ["-D", data, "-U", USER, "--auth=trust", "-E", "UTF8", "--no-locale", "--no-sync"];
    await run("initdb", ...init);
  } else {
    const from = ["-h", standbyOf.dir, "-p", String(standbyOf.port), "-U", USER];
    await run("pg_basebackup", "-D", data, ...from, "-R", "-c", "fast", "--no-sync");
  }
  const port = listens ? freePort() : undefined;
  const lines = [
    `unix_socket_directories = '${dir}'`,
    `listen_addresses = '${port === undefined ? "" : LOOPBACK}'`,
    `port = ${port ?? 5432}`,
    ...settings,
  ];
  await Deno.writeTextFile(join(data, "postgresql.conf"), lines.join("\n") + "\n", {
    append: true,
  });
  const start = () => run("pg_ctl", "start", "-w", "-s", "-D", data, "-l", join(dir, "log"));
  const stop = (mode: string) => run("pg_ctl", "stop", "-w", "-s", "-D", data, "-m", mode);
  await start();
  return {
    dir,
    port: port ?? 5432,
    url(schema = "llorch") {
      const [host, query] = port === undefined ? ["", `host=${dir}&`] : [`${LOOPBACK}:${port}`, ""];
      return `postgres://${USER}@${host}/postgres?${query}schema=${schema}`;
    },
    stop,
    start,
    promote: () => run("pg_ctl", "promote", "-w", "-s", "-D", data),
    query: (sql) =>
      run("psql", "-h", dir, "-p", `${port ?? 5432}`, "-U", USER, "-d", "postgres", "-qc", sql),
    async write(name, text) {
      const path = join(data, name);
      await Deno.writeTextFile(path, text, { mode: 0o600 });
      if (owner) await Deno.chown(path, owner.uid, owner.gid);
    },
    async remove() {
      await stop("immediate").catch(() => {});
      await Deno.remove(dir, { recursive: true });
    },
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  return listener.addr.port;
}

/** The folder of the newest version's programs. */
function programs(): string | undefined {
  try {
    const versions = [...Deno.readDirSync(VERSIONS)].map(({ name }) => name)
      .sort((a, b) => Number(b) - Number(a));
    return versions.map((version) => join(VERSIONS, version, "bin")).find(has);
  } catch {
    return undefined;
  }
}

function has(bin: string): boolean {
  try {
    return Deno.statSync(join(bin, "initdb")).isFile;
  } catch {
    return false;
  }
}

/** PostgreSQL does not run as root: another user to run it as. */
function ownerOf(): { readonly uid: number; readonly gid: number } | undefined {
  if (Deno.uid() !== 0) return undefined;
  const users = Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ??
    users.find(([name]) => name === "nobody");
  if (!user) throw new Error("There is no user but root to run PostgreSQL as");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}
