/**
 * Hosts as network namespaces on one switch, each with its own address. Packets between a host and
 * the others can be dropped or delayed. Needs root on Linux.
 *
 * @module
 */
import assert from "node:assert/strict";

/**
 * Share of a host's packets that are dropped, in per cent: those that it sends, and those sent to
 * it.
 */
export interface Loss {
  readonly from: number;
  readonly to: number;
}

/** Why a {@linkcode Network} is not possible on this machine; undefined if it is. */
export async function whyNoNetwork(): Promise<string | undefined> {
  if (Deno.build.os !== "linux") return "network namespaces need Linux";
  if (Deno.uid() !== 0) return "network namespaces need root";
  try {
    const network = await Network.open(["probe"]);
    try {
      await network.lose("probe", { from: 50, to: 50 });
    } finally {
      await network.close();
    }
  } catch (error) {
    return `namespaces cannot be made: ${(error as Error).message.split("\n")[0]}`;
  }
}

/** Why packets cannot be delayed on this machine; undefined if they can. */
export async function whyNoDelay(): Promise<string | undefined> {
  const why = await whyNoNetwork();
  if (why !== undefined) return why;
  const network = await Network.open(["probe"]);
  try {
    await network.delay("probe", 1);
  } catch {
    return "the kernel has no netem";
  } finally {
    await network.close();
  }
}

/** A switch that connects the hosts and this process. */
export class Network {
  readonly #id: string;
  readonly #subnet: string;
  readonly #names: readonly string[];

  private constructor(names: readonly string[]) {
    this.#names = names;
    this.#id = `ll${Deno.pid}`;
    // A range that is reserved for network benchmarks.
    this.#subnet = `198.18.${Deno.pid % 256}`;
  }

  /**
   * Creates the namespaces.
   *
   * @param names Names of at most 200 hosts, of a few letters each.
   */
  static async open(names: readonly string[]): Promise<Network> {
    const network = new Network(names);
    try {
      await network.#make();
      return network;
    } catch (error) {
      await network.close();
      throw error;
    }
  }

  address(name: string): string {
    return `${this.#subnet}.${2 + this.#indexOf(name)}`;
  }

  /** Arguments to put in front of a command so that it runs on a host. */
  on(name: string): readonly string[] {
    return ["ip", "netns", "exec", this.#namespace(name)];
  }

  /** From now on drops these shares of a host's packets; 0 and 0 ends the loss. */
  async lose(name: string, { from, to }: Loss): Promise<void> {
    await Promise.all([this.#drop(name, "ingress", from), this.#drop(name, "egress", to)]);
  }

  /** Delays packets to a host; 0 ends the delay. */
  async delay(name: string, ms: number): Promise<void> {
    const device = ["dev", this.#port(name), "root"];
    if (ms === 0) await this.#tc("qdisc", "del", ...device);
    else await this.#tc("qdisc", "replace", ...device, "netem", "delay", `${ms}ms`, `${ms / 2}ms`);
  }

  /** Kills every process on the hosts, then removes the hosts. */
  async close(): Promise<void> {
    await run("ip", "link", "del", `${this.#id}me`).catch(() => {});
    for (const name of [...this.#names, "net"]) {
      const namespace = this.#namespace(name);
      const pids = await run("ip", "netns", "pids", namespace).catch(() => "");
      for (const pid of pids.split("\n").filter(Boolean)) {
        try {
          Deno.kill(Number(pid), "SIGKILL");
        } catch {
          // The process has ended already.
        }
      }
      await run("ip", "netns", "del", namespace).catch(() => {});
    }
  }

  async #make(): Promise<void> {
    const net = this.#namespace("net");
    await run("ip", "netns", "add", net);
    await run("ip", "-n", net, "link", "add", "br0", "type", "bridge");
    await run("ip", "-n", net, "link", "set", "br0", "up");
    const me = `${this.#id}me`;
    await run("ip", "link", "add", me, "type", "veth", "peer", "name", "p-me", "netns", net);
    await run("ip", "-n", net, "link", "set", "p-me", "master", "br0", "up");
    await run("ip", "addr", "add", `${this.#subnet}.1/24`, "dev", me);
    await run("ip", "link", "set", me, "up");
    for (const name of this.#names) {
      const host = this.#namespace(name);
      const port = this.#port(name);
      await run("ip", "netns", "add", host);
      const peer = ["peer", "name", "eth0", "netns", host];
      await run("ip", "-n", net, "link", "add", port, "type", "veth", ...peer);
      await run("ip", "-n", net, "link", "set", port, "master", "br0", "up");
      await run("ip", "-n", host, "addr", "add", `${this.address(name)}/24`, "dev", "eth0");
      for (const device of ["lo", "eth0"]) await run("ip", "-n", host, "link", "set", device, "up");
      await this.#tc("qdisc", "add", "dev", port, "clsact");
    }
  }

  /**
   * Drops a share of the packets with a BPF filter, which compares a random number with a bound.
   */
  async #drop(name: string, side: "ingress" | "egress", percent: number): Promise<void> {
    const at = ["dev", this.#port(name), side, "pref", "1"];
    await this.#tc("filter", "del", ...at).catch(() => {});
    if (percent === 0) return;
    const bound = Math.floor(0xffff_ffff * percent / 100);
    // Load a random number; below the bound (0xffffffff: always) drop (2), else go on (-1).
    const program = percent >= 100
      ? "1,6 0 0 2"
      : `4,32 0 0 4294963256,37 1 0 ${bound},6 0 0 2,6 0 0 4294967295`;
    await this.#tc("filter", "add", ...at, "bpf", "da", "bytecode", program);
  }

  async #tc(...args: string[]): Promise<void> {
    await run("tc", "-n", this.#namespace("net"), ...args);
  }

  #namespace(name: string): string {
    return `${this.#id}-${name}`;
  }

  #port(name: string): string {
    return `p-${name}`;
  }

  #indexOf(name: string): number {
    const index = this.#names.indexOf(name);
    assert.ok(index >= 0, `no host ${name}`);
    return index;
  }
}

async function run(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new Error(`${command} ${args.join(" ")}: ${text(stderr)}`);
  return text(stdout);
}
