import { errorMessage } from "#shared/errors.ts";
import { Session, type SessionOptions } from "./session.ts";
import { type Host, isRemote, type StoreUrl } from "./store_url.ts";

/** Oldest version of PostgreSQL that is supported. */
const LEAST_VERSION = 14;

/** How the servers of a store are reached. */
export interface ServersOptions extends Pick<SessionOptions, "password"> {
  readonly url: StoreUrl;
  /** PEM text of the authorities to trust; undefined: those of the system. Needed only with TLS. */
  readonly ca?: string | undefined;
  /** Whether connections to other machines are not encrypted, unless there is an authority to trust. */
  readonly insecure?: boolean;
}

/** What some sessions have besides. */
type SessionExtras = Pick<SessionOptions, "statementMs" | "settings">;

/** What is known of a server. */
export interface ServerFacts {
  /** Such as `db.example:5432`. */
  readonly server: string;
  /** Such as `15.18`. */
  readonly version: string;
}

/** The servers of a store, of which one takes writes. */
export class Servers {
  readonly #options: ServersOptions;
  /** Tried first: the server that took writes last. */
  #preferred = 0;
  #facts: ServerFacts | undefined;
  /** Begins anew when another server takes over, and after a restore: then newest commits may be gone. */
  #timeline: string | undefined;
  /** Called before a session is used whose server may lack the newest commits. */
  onNewTimeline: (() => void) | undefined;

  constructor(options: ServersOptions) {
    this.#options = options;
  }

  /** Of the server that was reached last. */
  get facts(): ServerFacts | undefined {
    return this.#facts;
  }

  get schema(): string {
    return this.#options.url.schema;
  }

  /**
   * Opens a session with the first server that takes writes. To other hosts than this machine it is
   * encrypted, and the server must prove its name.
   *
   * @throws {Error} that says for each server why it cannot be used
   */
  async open(name: string, more: SessionExtras = {}): Promise<Session> {
    const { hosts } = this.#options.url;
    const reasons: string[] = [];
    let last: unknown;
    for (const n of hosts.keys()) {
      const at = (this.#preferred + n) % hosts.length;
      const host = hosts[at]!;
      try {
        const session = await this.#openAt(host, name, more);
        this.#preferred = at;
        return session;
      } catch (error) {
        last = error;
        reasons.push(`${describe(host)}: ${errorMessage(error)}`);
      }
    }
    // With the code of the last, which says whether a later try may succeed.
    throw Object.assign(new Error(reasons.join("; "), { cause: last }), codeOf(last));
  }

  async #openAt(
    host: Host,
    name: string,
    more: SessionExtras,
  ): Promise<Session> {
    const { url: { user, database, schema }, password, ca } = this.#options;
    const tls = needsTls(host, this.#options) ? { ca } : undefined;
    const session = await Session.open({
      ...{ host, user, database, schema, password, tls },
      name,
      ...more,
    });
    try {
      // A session for whose commits nobody waits would lose what was said to be stored.
      const { rows: [row] } = await session.query(`
        SELECT CASE WHEN NOT pg_is_in_recovery()
            THEN left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline,
          pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS is_read_only,
          current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
          CASE current_setting('synchronous_commit')
            WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END AS synchronous`);
      if (row!["is_read_only"]) throw new Error("it is read-only, such as a server that stands by");
      const version = String(row!["version"]).split(" ")[0]!;
      if (Number.parseInt(version) < LEAST_VERSION) {
        throw new Error(`it is PostgreSQL ${version}: at least ${LEAST_VERSION} is needed`);
      }
      if (row!["encoding"] !== "UTF8") {
        throw new Error(
          `its database has the encoding ${row!["encoding"]}: create one with UTF8`,
        );
      }
      this.#facts = { server: describe(host), version };
      const { timeline } = row as { readonly timeline: string };
      const isNew = this.#timeline !== undefined && this.#timeline !== timeline;
      this.#timeline = timeline;
      if (isNew) this.onNewTimeline?.();
      return session;
    } catch (error) {
      await session.close();
      throw error;
    }
  }
}

/** Whether a connection is encrypted: to another machine unless that is turned off, and with an authority to trust. */
export function needsTls(
  host: Host,
  { ca, insecure = false }: Pick<ServersOptions, "ca" | "insecure">,
): boolean {
  return isRemote(host) && !insecure || ca !== undefined && !host.host.startsWith("/");
}

/** A host as a person writes it. */
function describe({ host, port }: Host): string {
  if (host.startsWith("/")) return `socket in ${host}`;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function codeOf(error: unknown): { code?: unknown } {
  return error instanceof Error && "code" in error ? { code: error.code } : {};
}
