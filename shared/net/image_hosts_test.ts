import assert from "node:assert/strict";
import { ImageHosts } from "./image_hosts.ts";

const has = (entries: readonly string[], url: string) => new ImageHosts(entries).has(new URL(url));

Deno.test("a listed host is allowed at its scheme's port, in any spelling", () => {
  const cases: readonly (readonly [entry: string, ...urls: string[]])[] = [
    ["images.example.org", "http://images.example.org/a.png", "https://IMAGES.example.org./"],
    ["Images.Example.Org", "https://images.example.org/"],
    ["*.example.org", "https://a.example.org/", "https://a.b.example.org/"],
    ["bücher.example", "https://xn--bcher-kva.example/", "https://bücher.example/"],
    ["192.168.1.5", "http://192.168.1.5/", "http://0xc0a80105/", "http://[::ffff:192.168.1.5]/"],
    ["fd00::5", "http://[fd00::5]/", "http://[fd00:0:0::5]/"],
    ["[fd00::5]", "http://[fd00::5]/"],
    ["[fd00:0::5]:81", "http://[fd00::5]:81/"],
    ["a.example:8443", "https://a.example:8443/", "http://a.example:8443/"],
    ["*.example:8443", "https://a.example:8443/"],
    ["a.example:443", "https://a.example/", "http://a.example:443/"],
    ["a.example:080", "http://a.example/"],
  ];
  for (const [entry, ...urls] of cases) {
    for (const url of urls) assert.ok(has([entry], url), `${entry} ${url}`);
  }
});

Deno.test("other hosts, and other ports, are not allowed", () => {
  const cases: readonly (readonly [entry: string, ...urls: string[]])[] = [
    [
      "example.org",
      "https://a.example.org/",
      "https://example.org.evil.net/",
      "https://example.com/",
    ],
    ["*.example.org", "https://example.org/", "https://evilexample.org/"],
    ["a.example", "https://a.example:8443/", "http://a.example:443/"],
    ["a.example:443", "http://a.example/", "https://a.example:444/"],
    [
      "192.168.1.5",
      "http://192.168.1.50/",
      "http://192.168.1.5.example.org/",
      "http://192.168.1.5:8080/",
    ],
    ["fd00::5", "http://[fd00::50]/"],
  ];
  for (const [entry, ...urls] of cases) {
    for (const url of urls) assert.ok(!has([entry], url), `${entry} ${url}`);
  }
  assert.ok(!has([], "https://a.example/"));
});

Deno.test("entries that are no hosts are refused", () => {
  const wrong = [
    ...["", "*", "*.", "*.*", "a.*.b", "a b", "http://a", "a/b", "a@b", "a?b", "a#b", "a%2eb"],
    ...[
      "a:",
      "a:0",
      "a:65536",
      "a:b",
      "*.192.168.1.5",
      "*.10",
      "10.0.0.0/8",
      "[a]",
      "[fd00::5",
      "fd00::5]",
    ],
  ];
  for (const entry of wrong) {
    assert.throws(() => new ImageHosts([entry]), /is not a host name/, entry);
  }
});

Deno.test("hosts that give secrets cannot be listed", () => {
  const secret = [
    ...["169.254.169.254", "169.254.169.254:80", "2852039166", "[fe80::1]:81", "fd00:ec2::254"],
    ...["metadata.google.internal", "METADATA", "0.0.0.0", "::", "64:ff9b::169.254.169.254"],
  ];
  for (const entry of secret) {
    assert.throws(
      () => new ImageHosts([entry]),
      /gives secrets or stands for no single host/,
      entry,
    );
  }
});
