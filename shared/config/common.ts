import { z } from "zod";
import {
  BODY_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  LOOPBACK,
  MAX_BODY_BYTES,
  MAX_HEADER_BYTES,
} from "../defaults.ts";
import { LOG_LEVELS } from "../logging.ts";

/** A config key for a duration: a whole number of milliseconds above zero. */
export function millis(standard: number, description: string) {
  return z.number().int().min(1).max(2_147_483_647).default(standard).describe(description);
}

/** A config key for a count: a whole number, at least `min`. */
export function count(standard: number, description: string, min = 1) {
  return z.number().int().min(min).max(Number.MAX_SAFE_INTEGER).default(standard)
    .describe(description);
}

/** A host's name or address. IPv6 may be written in brackets; they are removed. */
export function hostName() {
  return z.string().min(1).overwrite((host) => host.replace(/^\[(.*:.*)\]$/, "$1"));
}

/** An interface or address to bind to. */
export const hostKey = hostName().default(LOOPBACK)
  .describe("Address to bind to; anything but loopback needs a token");

/** A port to bind to. */
export function portKey(standard: number) {
  return z.number().int().min(0).max(65_535).default(standard)
    .describe("Port to listen on; 0 takes any free one");
}

/** Keys that every daemon has. */
export const commonKeys = {
  log_level: z.enum(LOG_LEVELS).default("info").describe("debug, info, warning or error"),
};

/** Key of a daemon whose callers need a token. */
export const tokenFileKey = z.string().min(1).optional()
  .describe("File (mode 0600) with the API token; default: LLORCH_API_TOKEN");

/** The `[tls]` section: a daemon's certificate, and the authorities that it trusts. */
export const tlsSection = z.strictObject({
  cert: z.string().min(1).optional().describe("PEM file with the certificate to serve HTTPS with"),
  key: z.string().min(1).optional().describe("PEM file with its key; others must not read it"),
  ca: z.string().min(1).optional()
    .describe("PEM file with extra certificates to trust in outgoing calls"),
}).superRefine(({ cert, key }, context) => {
  if ((cert === undefined) === (key === undefined)) return;
  const [missing, given] = cert === undefined ? ["cert", "key"] : ["key", "cert"];
  context.addIssue({
    code: "custom",
    path: [missing],
    message: `is missing, though tls.${given} is set: set both, or neither`,
  });
}).prefault({});

/** Converts a `limits` section to the limits of `createApp()`. */
export function appLimits(limits: z.output<typeof limitsSection>) {
  return {
    maxBytes: limits.max_body_bytes,
    timeoutMs: limits.body_timeout_ms,
  };
}

/** Converts a `limits` section to the limits of `listen()`. */
export function listenLimits(limits: z.output<typeof limitsSection>) {
  return {
    maxConnections: limits.max_connections,
    headerTimeoutMs: limits.header_timeout_ms,
    keepAliveMs: limits.keep_alive_ms,
    maxHeaderBytes: limits.max_header_bytes,
  };
}

/** The `[limits]` section: what a daemon reads from clients. */
export const limitsSection = z.strictObject({
  max_connections: count(
    4096,
    "Most client connections, as far as the file descriptor limit allows; idle ones are closed first",
  ),
  keep_alive_ms: millis(KEEP_ALIVE_MS, "An idle connection is closed after this time"),
  max_body_bytes: count(MAX_BODY_BYTES, "Largest request body, in bytes", 1024),
  max_header_bytes: z.number().int().min(1024).max(65_536).default(MAX_HEADER_BYTES)
    .describe("Largest URL and headers of a request, in bytes"),
  header_timeout_ms: millis(30_000, "A request's headers must arrive within this time"),
  body_timeout_ms: millis(BODY_TIMEOUT_MS, "A request's body must arrive within this time"),
}).prefault({});
