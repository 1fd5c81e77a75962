import assert from "node:assert/strict";
import { allowing } from "./load_elsewhere.ts";

const { signal } = new AbortController();

Deno.test("a name that leads to an address with secrets is refused, whatever else it leads to", async () => {
  const leadsTo = (...addresses: string[]) =>
    allowing("gpu.example.org", () => Promise.resolve(addresses))(signal);
  await leadsTo("192.168.1.5", "fd00::5", "203.0.113.7", "127.0.0.1");
  for (
    const address of ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "fe80::1%eth0"]
  ) {
    await assert.rejects(leadsTo("192.168.1.5", address), /where machines keep secrets/);
  }
});

Deno.test("a name without an address is said", async () => {
  const allow = allowing("none.example.org", () => Promise.reject(new Error("ENOTFOUND")));
  await assert.rejects(allow(signal), /none\.example\.org has no address/);
});

Deno.test("a name is resolved before each request", async () => {
  const answers = [["192.168.1.5"], ["169.254.169.254"]];
  const allow = allowing("gpu.example.org", () => Promise.resolve(answers.shift()!));
  await allow(signal);
  await assert.rejects(allow(signal));
});
