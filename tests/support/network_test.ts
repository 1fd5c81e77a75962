import assert from "node:assert/strict";
import { Network, whyNoNetwork } from "./network.ts";
import { within } from "./stack.ts";

const why = await whyNoNetwork();

Deno.test({
  name: "hosts reach each other, until their packets are dropped" +
    (why === undefined ? "" : ` (skipped: ${why})`),
  ignore: why !== undefined,
  async fn() {
    const network = await Network.open(["a", "b"]);
    try {
      /** Whether a packet arrives; after its sender has ended, the receiver waits for another half a second. */
      const arrives = async (from: string, to: string) => {
        const script = `
          const socket = Deno.listenDatagram({
            hostname: "${network.address(to)}", port: 7000, transport: "udp",
          });
          console.log("listens");
          const late = Deno.stdin.readable.getReader().read()
            .then(() => new Promise((done) => setTimeout(done, 500))).then(() => Deno.exit(1));
          await Promise.race([socket.receive(), late]);
          Deno.exit(0);`;
        const deno = (host: string, code: string) => {
          const [command = "", ...args] = [...network.on(host), Deno.execPath()];
          return new Deno.Command(command, {
            args: [...args, "eval", "--unstable-net", code],
            stdin: "piped",
            stdout: "piped",
          }).spawn();
        };
        const receiver = deno(to, script);
        const reader = receiver.stdout.getReader();
        await within(reader.read(), "the receiver listens");
        const sender = deno(
          from,
          `await Deno.listenDatagram({ hostname: "0.0.0.0", port: 0, transport: "udp" }).send(
            new Uint8Array(1), { hostname: "${
            network.address(to)
          }", port: 7000, transport: "udp" });
           Deno.exit(0);`,
        );
        await sender.stdout.cancel();
        await sender.stdin.close();
        await sender.status;
        // It may have ended already.
        await receiver.stdin.close().catch(() => {});
        const { success } = await receiver.status;
        await reader.cancel();
        return success;
      };
      assert.ok(await arrives("a", "b"));
      await network.lose("a", { from: 100, to: 0 });
      assert.equal(await arrives("a", "b"), false);
      await network.lose("a", { from: 0, to: 0 });
      assert.ok(await arrives("a", "b"));
    } finally {
      await network.close();
    }
  },
});
