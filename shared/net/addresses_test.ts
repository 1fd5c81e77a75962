import assert from "node:assert/strict";
import { HostSet, isAddress, isPrivateAddress, isSecretHost } from "./addresses.ts";

Deno.test("addresses of networks of one's own are private, in any form", () => {
  const inside = [
    ...["127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255"],
    ...["192.168.1.1", "100.64.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255"],
    ...["192.0.2.1", "198.18.0.1", "203.0.113.9", "240.0.0.1"],
    ...["::", "::1", "::127.0.0.1", "::ffff:10.0.0.1", "::ffff:a00:1", "[::1]"],
    ...["fd00::1", "fc00::1", "fe80::1", "fec0::1", "ff02::1"],
    ...["64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::1", "2001::1", "2001:db8::1"],
  ];
  for (const address of inside) assert.equal(isPrivateAddress(address), true, address);
  const outside = [
    ...["1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.1"],
    ...["192.167.1.1", "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1"],
  ];
  for (const address of outside) assert.equal(isPrivateAddress(address), false, address);
});

Deno.test("hosts with a machine's secrets are known by name and address", () => {
  for (
    const host of [
      "169.254.169.254",
      "[fd00:ec2::254]",
      "metadata.google.internal.",
      "[::ffff:a9fe:a9fe]",
    ]
  ) assert.equal(isSecretHost(host), true, host);
  for (const host of ["10.0.0.1", "localhost", "example.org", "[fd00::1]"]) {
    assert.equal(isSecretHost(host), false, host);
  }
});

Deno.test("addresses are told from names", () => {
  for (const host of ["1.2.3.4", "[::1]", "::1"]) assert.equal(isAddress(host), true, host);
  for (const host of ["a", "1.2.3", "1.2.3.4.example.org"]) assert.equal(isAddress(host), false);
});

Deno.test("a set of hosts has names, suffixes, addresses and ranges", () => {
  const hosts = new HostSet(["a.example", "*.b.example", "10.0.0.0/8", "[::1]".slice(1, -1)]);
  for (const host of ["a.example", "A.example.", "x.b.example", "10.1.2.3", "[::1]"]) {
    assert.equal(hosts.has(host), true, host);
  }
  for (const host of ["x.a.example", "b.example", "11.0.0.1", "[::2]"]) {
    assert.equal(hosts.has(host), false, host);
  }
  assert.throws(() => new HostSet(["http://a"]), RangeError);
});
