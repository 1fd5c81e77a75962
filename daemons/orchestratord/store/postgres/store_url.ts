import { errorMessage } from "#shared/errors.ts";
import { PORTS } from "#shared/defaults.ts";

/** A server, or a folder with its socket. */
export interface Host {
  readonly host: string;
  readonly port: number;
}

/** Where a database is, without the password. */
export interface StoreUrl {
  readonly user: string;
  readonly database: string;
  /** Schema of the tables; two installations may share a database with one each. */
  readonly schema: string;
  /** Tried in this order until one takes writes. */
  readonly hosts: readonly Host[];
}

/** Schema without `?schema=`. */
const SCHEMA = "llorch";

const SHAPE =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^@/?#]*)@)?(?<hosts>[^/?#]*)(?:\/(?<database>[^?#]*))?(?:\?(?<query>[^#]*))?$/;

const ADDRESS = /^(?:\[(?<v6>[^\]]+)\]|(?<name>[^:[\]]*))(?::(?<port>\d+))?$/;

const FIELDS = ["host", "port", "schema", "target_session_attrs"];

/**
 * Reads `postgres://USER@HOST[:PORT][,HOST…]/DATABASE[?schema=NAME]`. With `?host=/FOLDER` it is the socket in
 * that folder.
 *
 * @throws {RangeError} if it is none, or has a password or a field that is not known
 */
export function parseStoreUrl(text: string): StoreUrl {
  const { user, hosts = "", database, query } = SHAPE.exec(text)?.groups ?? {};
  // The text itself may hold a password, and is therefore in no message.
  if (user === undefined || user === "" || !database) {
    throw new RangeError("must be postgres://USER@HOST/DATABASE");
  }
  if (user.includes(":")) {
    throw new RangeError("must not hold a password: put it into the file that password_file names");
  }
  const fields = new URLSearchParams(query);
  for (const name of fields.keys()) {
    if (!FIELDS.includes(name)) {
      throw new RangeError(`must not have "${name}": known are ${FIELDS.join(", ")}`);
    }
  }
  const twice = FIELDS.find((name) => fields.getAll(name).length > 1);
  if (twice !== undefined) throw new RangeError(`must not have "${twice}" more than once`);
  const wanted = fields.get("target_session_attrs") ?? "read-write";
  if (wanted !== "read-write") {
    throw new RangeError(
      `must not have target_session_attrs=${wanted}: a store always needs read-write`,
    );
  }
  const schema = fields.get("schema") ?? SCHEMA;
  if (schema.startsWith("pg_")) {
    throw new RangeError(`must not have the schema "${schema}": PostgreSQL keeps pg_ for itself`);
  }
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema)) {
    throw new RangeError(
      `must not have the schema "${schema}": 1 to 63 of a-z, 0-9 and _ are allowed, no digit first`,
    );
  }
  const port = portOf(fields.get("port") ?? undefined);
  const folder = fields.get("host");
  const list = folder === null
    ? hosts.split(",").map((address) => hostOf(address, port))
    : [{ host: folder, port }];
  return { user: decoded(user), database: decoded(database), schema, hosts: list };
}

/** Whether a connection to a host leaves this machine. */
export function isRemote({ host }: Host): boolean {
  return !host.startsWith("/") && !/^(127(\.\d{1,3}){3}|localhost|::1)$/.test(host);
}

function hostOf(address: string, standard: number): Host {
  const { v6, name, port } = ADDRESS.exec(address)?.groups ?? {};
  const host = v6 ?? name;
  if (host) return { host, port: portOf(port, standard) };
  throw new RangeError(`must name a host instead of "${address}"`);
}

function portOf(text: string | undefined, standard: number = PORTS.postgres): number {
  const port = text === undefined ? standard : Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new RangeError(`must have a port from 1 to 65535: current value is "${text}"`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new RangeError(`cannot be decoded: ${errorMessage(error)}`);
  }
}
