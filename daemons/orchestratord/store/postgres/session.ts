// @ts-types="./pg.d.ts"
import { Client, types } from "pg";
import { deadline } from "#shared/deadline.ts";
import { errorMessage } from "#shared/errors.ts";
import type { Row } from "../rows/row.ts";
import type { Host } from "./store_url.ts";

/** A statement that takes longer is ended by the server, in ms. */
const STATEMENT_MS = 10_000;

/**
 * A transaction whose process asks for nothing for this long is ended by the server, in ms: its locks would hold up
 * whoever takes over from a process that hangs.
 */
const IDLE_MS = 2_000;

/** A session that does not answer for this long after that is given up, in ms. */
const ANSWER_MS = STATEMENT_MS + 2_000;

/** Longest wait for a connection, in ms. */
const CONNECT_MS = 5_000;

/** Longest wait for a session to say goodbye, in ms. */
const CLOSE_MS = 2_000;

/** A connection without traffic is checked after this many ms. */
const KEEP_ALIVE_MS = 10_000;

const parseBytes = types.getTypeParser(17) as (text: string) => Uint8Array;

/** How values are read, by the number of their type; others as the driver does. */
const PARSERS: Readonly<Record<number, (text: string) => unknown>> = {
  // bytea: without the driver's own class.
  17: (text) => Uint8Array.from(parseBytes(text)),
  // int8: counts and ms since the epoch are below 2^53.
  20: Number,
};

/** How a session is opened. */
export interface SessionOptions {
  readonly host: Host;
  readonly user: string;
  readonly database: string;
  readonly schema: string;
  /** Read at each connection, so that a changed password needs no restart. */
  readonly password: () => string;
  /** Undefined: without TLS. */
  readonly tls: { readonly ca: string | undefined } | undefined;
  /** Name of the session in `pg_stat_activity`. */
  readonly name: string;
  /** A statement may take this long, in ms. @default 10 s */
  readonly statementMs?: number;
  /** Settings of the session, such as `enable_seqscan=off`. */
  readonly settings?: readonly string[];
}

/** What a query has returned. */
export interface Answer {
  readonly rows: readonly Row[];
  /** Rows that it returned or changed. */
  readonly count: number;
}

/** One connection to PostgreSQL. Queries are carried out in the order of their calls. */
export class Session {
  readonly #client: Client;
  readonly #ended = Promise.withResolvers<void>();
  #isLost = false;

  private constructor(client: Client) {
    this.#client = client;
    const lose = () => {
      this.#isLost = true;
      this.#ended.resolve();
    };
    // Without a listener an error ends the process. The running query reports it.
    client.on("error", lose);
    client.on("end", lose);
  }

  /** @throws an error of the driver */
  static async open(options: SessionOptions): Promise<Session> {
    const client = new Client(configOf(options));
    client.binary = false;
    client.connectionParameters.replication = undefined;
    const session = new Session(client);
    try {
      await client.connect();
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }

  /** Whether it has ended, by the server or because an answer did not come in time. */
  get isLost(): boolean {
    return this.#isLost;
  }

  /** Resolves when it has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /**
   * @param name Given: prepared once in a session, under this name.
   * @throws an error of the driver; see `failures.ts`
   */
  async query(text: string, values: readonly unknown[] = [], name?: string): Promise<Answer> {
    try {
      const query = name === undefined ? { text, values } : { text, values, name };
      const { rows, rowCount } = await this.#client.query(query);
      return { rows, count: rowCount ?? 0 };
    } catch (error) {
      // The answer may still come, and would be taken for that of the next query.
      if (/read timeout/.test(errorMessage(error))) this.#abandon();
      throw error;
    }
  }

  /** Ends it; never throws. */
  async close(): Promise<void> {
    this.#isLost = true;
    // The driver waits for an event that does not come if TLS has failed.
    await deadline(this.#client.end().catch(() => {}), CLOSE_MS);
  }

  #abandon(): void {
    this.#isLost = true;
    void this.#client.end().catch(() => {});
  }
}

/**
 * Every field that the driver knows, so that it reads neither `PG…` variables nor `~/.pgpass`: it takes them
 * for each field without a value that counts as true.
 */
function configOf(options: SessionOptions): Record<string, unknown> {
  const { host, user, database, schema, password, tls, name, statementMs = STATEMENT_MS } = options;
  const settings = [`search_path=${schema}`, ...options.settings ?? []];
  return {
    host: host.host,
    port: host.port,
    user,
    database,
    password,
    ssl: tls === undefined ? false : { rejectUnauthorized: true, ...(tls.ca && { ca: tls.ca }) },
    sslnegotiation: "postgres",
    enableChannelBinding: false,
    application_name: name,
    fallback_application_name: name,
    client_encoding: "UTF8",
    options: settings.map((setting) => `-c ${setting}`).join(" "),
    statement_timeout: statementMs,
    query_timeout: statementMs + (ANSWER_MS - STATEMENT_MS),
    lock_timeout: statementMs,
    idle_in_transaction_session_timeout: IDLE_MS,
    connectionTimeoutMillis: CONNECT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
    pipeline: false,
    types: {
      getTypeParser: (oid: number, format?: string) =>
        PARSERS[oid] ?? types.getTypeParser(oid, format),
    },
    // Both are taken back once the driver has read them.
    binary: true,
    replication: "none",
  };
}
