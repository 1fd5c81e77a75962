import { createPrivateKey, X509Certificate } from "node:crypto";
import { errorMessage } from "../errors.ts";
import { UsageError } from "../lifecycle.ts";

/** A daemon's `[tls]` section: paths of PEM files. */
export interface TlsFiles {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly ca?: string | undefined;
}

/** A server's certificates and key, in PEM. */
export interface ServerTls {
  /** The server's certificate, then the intermediate ones. */
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads the server's certificate and key; undefined if neither is set.
 *
 * @throws {UsageError} if one is missing or unreadable, if they do not belong together, or if
 * others may read the key
 */
export function readServerTls({ cert, key }: TlsFiles): ServerTls | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    throw new UsageError("Cannot serve TLS with half of it: set both tls.cert and tls.key");
  }
  const mode = read(key, (path) => Deno.statSync(path)).mode;
  if (mode !== null && (mode & 0o007) !== 0) {
    throw new UsageError(`Cannot use the TLS key ${key}: others may read it; chmod o= ${key}`);
  }
  const tls = { cert: readPem(cert, "CERTIFICATE"), key: readPem(key, "PRIVATE KEY") };
  if (belongTogether(tls, `${cert} with the key ${key}`)) return tls;
  throw new UsageError(
    `Cannot serve TLS: the key ${key} does not belong to the certificate ${cert}; ` +
      "set tls.cert and tls.key to files that were made together",
  );
}

/** Whether the key belongs to the first certificate. */
function belongTogether({ cert, key }: ServerTls, files: string): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new UsageError(`Cannot use the certificate ${files}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/**
 * A transport that trusts the certificates of a file in addition to the usual authorities;
 * undefined, for the usual transport, without a file. The caller closes it.
 *
 * @throws {UsageError} when the file cannot be read or used
 */
export function trusting(caFile: string | undefined): Deno.HttpClient | undefined {
  if (caFile === undefined) return undefined;
  const caCerts = [readPem(caFile, "CERTIFICATE")];
  try {
    // One connection per stream: closing it is how a stream is cancelled.
    return Deno.createHttpClient({ caCerts, http2: false });
  } catch (error) {
    throw new UsageError(`Cannot use the certificates in ${caFile}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/**
 * Certificates, in PEM, to trust in addition to the usual authorities; undefined if none are set.
 *
 * @throws {UsageError} when the file cannot be read
 */
export function readCa({ ca }: Pick<TlsFiles, "ca">): string | undefined {
  return ca === undefined ? undefined : readPem(ca, "CERTIFICATE");
}

function readPem(path: string, what: string): string {
  const text = read(path, (path) => Deno.readTextFileSync(path));
  if (text.includes(`${what}-----`)) return text;
  throw new UsageError(`Cannot use ${path}: it holds no ${what.toLowerCase()} in PEM`);
}

function read<T>(path: string, how: (path: string) => T): T {
  try {
    return how(path);
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${errorMessage(error)}`, { cause: error });
  }
}
