import assert from "node:assert/strict";
import { BlockList, isIP } from "node:net";
import fc from "fast-check";
import { type AddressKind, addressKind, isNeverCalled, plainHost } from "./addresses.ts";

const KINDS: Readonly<Record<AddressKind, readonly string[]>> = {
  secret: [
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.0",
    "169.254.255.255",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "fe80::1",
    "fe80::1%eth0",
    "FEBF:ffff::1",
    "fd00:ec2::254",
    "fd00:0ec2:0:0:0:0:0:0254",
    "fd20:ce::254",
  ],
  "no-host": [
    "0.0.0.0",
    "0.1.2.3",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "ff02::1",
  ],
  private: [
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.255.255",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "::1",
    "fc00::1",
    "fdff::1",
    "fec0::1",
    "100::1",
    "4000::1",
    "2001:db8::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "3fff::1",
    "64:ff9b:1::8.8.8.8",
    "::8.8.8.8",
  ],
  public: [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.169.0.0",
    "198.17.255.255",
    "223.255.255.255",
    "2606:4700:4700::1111",
    "2a00:1450::1",
    "64:ff9b::8.8.8.8",
    "2002:808:808::1",
    "::ffff:8.8.8.8",
  ],
};

for (const [kind, addresses] of Object.entries(KINDS)) {
  Deno.test(`an address that is ${kind} is told as such`, () => {
    for (const address of addresses) assert.equal(addressKind(address), kind, address);
  });
}

Deno.test("an IPv6 address is as little trusted as the IPv4 address in it", () => {
  for (const kind of ["secret", "no-host", "private"] as const) {
    for (const address of KINDS[kind].filter((address) => isIP(address) === 4)) {
      const [a, b, c, d] = address.split(".").map(Number) as [number, number, number, number];
      const high = (a * 256 + b).toString(16);
      const low = (c * 256 + d).toString(16);
      const forms = [
        `::ffff:${address}`,
        `::ffff:0:${address}`,
        `64:ff9b::${address}`,
        `2002:${high}:${low}::1`,
      ];
      for (const form of forms) assert.equal(addressKind(form), kind, form);
    }
  }
  assert.equal(addressKind("64:ff9b:1::169.254.169.254"), "secret");
  assert.equal(addressKind("::169.254.169.254"), "secret");
});

Deno.test("text that is no address has no kind", () => {
  for (
    const text of ["", "localhost", "1.2.3", "01.2.3.4", "[::1]", "1.2.3.4:80", "::1/128", "fe80"]
  ) {
    assert.equal(addressKind(text), undefined, text);
  }
});

Deno.test("every address has a kind, and IPv4 ones that of node's own lists", () => {
  const closed = new BlockList();
  for (const [net, bits] of [["10.0.0.0", 8], ["172.16.0.0", 12], ["192.168.0.0", 16]] as const) {
    closed.addSubnet(net, bits);
  }
  fc.assert(fc.property(fc.ipV4(), (address) => {
    const kind = addressKind(address);
    assert.ok(kind !== undefined);
    if (closed.check(address)) assert.equal(kind, "private");
    assert.equal(addressKind(`::ffff:${address}`), kind);
  }));
  fc.assert(fc.property(fc.ipV6(), (address) => {
    // fast-check also writes forms that are none.
    if (isIP(address) === 6) assert.ok(addressKind(address) !== undefined);
  }));
});

Deno.test("hosts that keep secrets, and those that are no host, are never called", () => {
  const never = [
    ...KINDS.secret,
    ...KINDS["no-host"],
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
  ];
  for (const host of never) assert.ok(isNeverCalled(host), host);
  for (const host of [...KINDS.private, ...KINDS.public, "gpu1", "metadata.example.org"]) {
    assert.ok(!isNeverCalled(host), host);
  }
});

Deno.test("a host is written in one way", () => {
  const ways = {
    "GPU1.Example.org.": "gpu1.example.org",
    "[::1]": "::1",
    "[::ffff:a00:1]": "10.0.0.1",
    "::FFFF:10.0.0.1": "10.0.0.1",
    "10.0.0.1": "10.0.0.1",
    "[fe80::1]": "fe80::1",
  };
  for (const [written, plain] of Object.entries(ways)) assert.equal(plainHost(written), plain);
});
