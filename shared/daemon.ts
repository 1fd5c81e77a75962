import { onAbort } from "./aborts.ts";
import type { z } from "zod";
import { watchSleep } from "./clock.ts";
import { loadConfig, processSources, sourcesAgain } from "./config/load.ts";
import type { ConfigSpec } from "./config/spec.ts";
import type { Reload } from "./config/reload.ts";
import { EXIT, INIT_FIX } from "./defaults.ts";
import { errorMessage } from "./errors.ts";
import { watchLauncher } from "./launcher.ts";
import { type Daemon, runMain, runUntilStopped } from "./lifecycle.ts";
import {
  configureLogging,
  createLogger,
  LOG_LEVELS,
  type Logger,
  stdoutLogging,
} from "./logging.ts";
import { ignoresHangup, onSignals } from "./signals.ts";
import { startService } from "./systemd/service.ts";
import { VERSION, versionLine } from "./version.ts";

/** Time beyond a daemon's own stop deadline after which its stop is forced, in milliseconds. */
const CLOSE_MARGIN_MS = 5_000;

/** How {@linkcode daemonMain} runs a daemon. */
export interface DaemonSpec<S extends z.ZodObject, D extends Daemon & { readonly url: string }>
  extends ConfigSpec<S> {
  /** Opens the daemon; it listens when the promise resolves. */
  open(
    config: z.output<S>,
    context: {
      readonly log: Logger;
      readonly flags: Readonly<Record<string, string | boolean | undefined>>;
    },
  ): Promise<D>;
  /** Runs one of {@linkcode ConfigSpec.commands}; returns the exit code. */
  readonly runCommand?: (
    name: string,
    words: readonly string[],
    config: z.output<S>,
    flags: Readonly<Record<string, string | boolean | undefined>>,
  ) => Promise<number>;
  /** What the program does instead of serving, if the configuration says so; resolves with the exit code. */
  readonly instead?: (config: z.output<S>) => Promise<number> | undefined;
  /** Applies a changed configuration; without it, changes need a restart. */
  readonly reload?: (daemon: D, config: z.output<S>) => Reload<z.output<S>>;
  /**
   * Called if the daemon is process 1, as in a container without an init, to reap orphaned
   * processes. Without it, the log warns that they are not reaped.
   *
   * @returns a function that ends it
   */
  readonly asInit?: (log: Logger) => () => void;
  /** Longest time of an orderly stop with this configuration, in milliseconds. */
  stopDeadlineMs(config: z.output<S>): number;
}

/** The `log_level` key, which every daemon's schema has. */
interface HasLogLevel {
  readonly log_level: (typeof LOG_LEVELS)[number];
}

/**
 * The whole `main` of a daemon: parse, validate, open, run until a signal, close.
 *
 * @returns the exit code
 */
export function daemonMain<S extends z.ZodObject, D extends Daemon & { readonly url: string }>(
  spec: DaemonSpec<S, D>,
  args: readonly string[],
): Promise<number> {
  return runMain(spec.program, async () => {
    const loaded = await loadConfig(spec, processSources(args));
    if (loaded.kind === "version") {
      console.log(versionLine(spec.program));
      return EXIT.ok;
    }
    if (loaded.kind === "command") {
      const { name, words, config, flags } = loaded;
      return await spec.runCommand?.(name, words, config, flags) ?? EXIT.usage;
    }
    if (loaded.kind !== "run") {
      console.log(loaded.text);
      return EXIT.ok;
    }
    const { config, flags } = loaded;
    const instead = spec.instead?.(config);
    if (instead) return await instead;
    configureLogging(stdoutLogging((config as HasLogLevel).log_level));
    const log = createLogger(spec.program);
    const stopWatching = watchSleep((ms) => log.warn("stood_still", { ms: Math.round(ms) }));
    const launcher = watchLauncher((name) => Deno.env.get(name));
    const stopReaping = Deno.pid === 1 ? (spec.asInit ?? warnOfOrphans)(log) : () => {};
    // If the launcher ends during the start, end at once, as at a signal.
    const daemon = await Promise.race([spec.open(config, { log, flags }), launcher.gone]);
    if (typeof daemon === "number") return EXIT.interrupted;
    const service = await startService({
      probe: (signal) => probe(daemon.url, signal),
      status: () => daemon.status?.() ?? daemon.url,
      env: (name) => Deno.env.get(name),
      log,
    });
    const terminalClosed = Promise.withResolvers<string>();
    const running = runUntilStopped(daemon, {
      alsoAt: Promise.race([
        launcher.gone.then((pid) => `the process that started it, ${pid}, has ended`),
        terminalClosed.promise,
      ]),
      closeDeadlineMs: spec.stopDeadlineMs(config) + CLOSE_MARGIN_MS,
      onStop(reason) {
        log.info("stopping", { reason });
        void service.stopping();
      },
    });
    const stopReloading = onHangup({
      reload: () => service.reload(() => reloadOnce(spec, args, daemon, log)),
      terminalClosed: () => terminalClosed.resolve("its terminal was closed"),
    });
    // Only now, since the reader of this line may send a signal at once.
    log.info("listening", { url: daemon.url, version: VERSION, pid: Deno.pid });
    const code = await running;
    stopReloading();
    launcher.dispose();
    await service.close();
    stopWatching();
    stopReaping();
    log.info("stopped", { exit_code: code });
    return code;
  });
}

/** Warns that orphaned processes will stay zombies after their end. */
function warnOfOrphans(log: Logger): () => void {
  log.warn("orphans_not_reaped", { reason: "this is process 1 and may not reap", fix: INIT_FIX });
  return () => {};
}

/**
 * Handles SIGHUP: a reload, one at a time, or the end of the terminal that we were started in.
 * After a hangup its streams are no longer a terminal, which tells the two apart.
 *
 * @returns a function that stops listening
 */
function onHangup(
  { reload, terminalClosed }: { reload: () => Promise<void>; terminalClosed: () => void },
): () => void {
  if (Deno.build.os === "windows") return () => {};
  const hadTerminal = hasTerminal() && !ignoresHangup();
  let last: Promise<void> = Promise.resolve();
  return onSignals(["SIGHUP"], () => {
    if (hadTerminal && !hasTerminal()) terminalClosed();
    else last = last.then(reload);
  });
}

function hasTerminal(): boolean {
  return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}

/** Reads the configuration again and applies it; an invalid one changes nothing. */
async function reloadOnce<S extends z.ZodObject, D extends Daemon & { readonly url: string }>(
  spec: DaemonSpec<S, D>,
  args: readonly string[],
  daemon: D,
  log: Logger,
): Promise<void> {
  try {
    if (!spec.reload) throw new Error(`${spec.program} reads new settings only at a restart`);
    const loaded = await loadConfig(spec, sourcesAgain(args));
    if (loaded.kind !== "run") return;
    const { config, changed, kept } = spec.reload(daemon, loaded.config);
    configureLogging(stdoutLogging((config as HasLogLevel).log_level));
    log.info("reloaded", { changed });
    if (kept.length > 0) log.warn("reload_needs_restart", { kept });
  } catch (error) {
    log.error("reload_failed", { reason: errorMessage(error) });
  }
}

/** Requests `/health` over the network, as a client would; throws if that fails. */
async function probe(url: string, signal: AbortSignal): Promise<void> {
  if (new URL(url).protocol === "https:") return await probeTls(new URL(url), signal);
  const reply = await fetch(new URL("/health", url), { signal });
  await reply.body?.cancel();
  if (!reply.ok) throw new Error(`/health answers ${reply.status}`);
}

/**
 * Probes a server with TLS. An HTTPS request could fail, since our certificate need not name our
 * address. So it sends plain text, which a working server answers with a TLS alert.
 */
async function probeTls({ hostname, port }: URL, signal: AbortSignal): Promise<void> {
  const host = hostname.replace(/^\[|\]$/g, "");
  using connection = await Deno.connect({ hostname: host, port: Number(port) });
  const forget = onAbort(signal, () => connection.close());
  try {
    await connection.write(new TextEncoder().encode("GET /health HTTP/1.0\r\n\r\n"));
    if (await connection.read(new Uint8Array(1)) === null) throw new Error("TLS does not answer");
  } finally {
    forget();
  }
}
