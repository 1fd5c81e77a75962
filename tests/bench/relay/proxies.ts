import { join } from "node:path";
import { startExecutable } from "../../support/service.ts";
import { type Program, startCommand, startProgram, until, within } from "../../support/stack.ts";

/** A program between a source and its client. */
export interface Proxy {
  readonly url: string;
  readonly program: Program;
}

/** nginx with one process and without buffering, in front of a source. */
export async function startNginx(dir: string, upstream: string): Promise<Proxy | undefined> {
  if (!hasCommand("nginx")) return undefined;
  const port = freePort();
  const conf = join(dir, "nginx.conf");
  await Deno.writeTextFile(
    conf,
    `daemon off; worker_processes 1; pid ${dir}/nginx.pid; error_log stderr; user root;
     events { worker_connections 4096; }
     http {
       access_log off;
       client_body_temp_path ${dir}/body; proxy_temp_path ${dir}/proxy;
       upstream source { server ${new URL(upstream).host}; keepalive 64; }
       server {
         listen 127.0.0.1:${port};
         location / {
           proxy_pass http://source; proxy_http_version 1.1; proxy_set_header Connection "";
           proxy_buffering off; proxy_read_timeout 600s;
         }
       }
     }`,
  );
  const program = startCommand("nginx", ["-p", dir, "-c", conf]);
  const url = `http://127.0.0.1:${port}`;
  await until("nginx listens", () => listens(port));
  return { url, program };
}

/** The least that a relay in Deno does, in front of a source. */
export async function startBareRelay(source: string): Promise<Proxy> {
  const program = startProgram("tests/bench/relay/bare_relay.ts", "tools", [source]);
  const line = await within(program.lines.next(), "the bare relay listens");
  if (line.done) throw new Error(`The bare relay ended: ${program.stderr()}`);
  return { url: JSON.parse(line.value).url, program };
}

/** Writes what a command says to a file, which is its first argument. */
const TO_FILE = ["sh", "-c", 'file=$0; exec "$@" > "$file"'] as const;

/**
 * orchestratord, ready for a given number of jobs. Its log goes to a file, as at an operator's: the process that
 * measures does not read it beside.
 */
export async function startOrchestratord(
  dir: string,
  queueCapacity = 20_000,
  settings = "",
): Promise<Proxy> {
  const file = join(dir, "orchestrator.toml");
  await Deno.writeTextFile(
    file,
    `state_dir = ${JSON.stringify(join(dir, "state"))}
     queue.capacity = ${queueCapacity}
     pools.heartbeat_interval_ms = 3600000
     ${settings}\n`,
  );
  const log = join(dir, "orchestratord.log");
  const program = startExecutable("orchestratord", [`--config=${file}`, "--port=0"], {
    HOME: dir,
  }, [...TO_FILE, log]);
  let url: string | undefined;
  let isOver = false;
  void program.status.then(() => isOver = true);
  await until("orchestratord listens", async () => {
    if (isOver) throw new Error(`orchestratord ended before it listened: ${program.stderr()}`);
    const lines = (await Deno.readTextFile(log).catch(() => "")).split("\n").slice(0, -1);
    url = lines.map((line) => JSON.parse(line)).find(({ event }) => event === "listening")?.url;
    return url !== undefined;
  });
  return { url: url!, program };
}

/** Ends a program and waits for its end. */
export async function stop({ program }: { readonly program: Program }): Promise<void> {
  program.kill("SIGTERM");
  await within(program.status, "a program has stopped").catch(() => program.kill("SIGKILL"));
}

/** Whether a command is installed. */
export function hasCommand(name: string): boolean {
  const path = (Deno.env.get("PATH") ?? "").split(":");
  return path.some((dir) => {
    try {
      return Deno.statSync(join(dir, name)).isFile;
    } catch {
      return false;
    }
  });
}

/** A free port, for programs that cannot choose one themselves. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Whether something accepts connections. */
export async function listens(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
