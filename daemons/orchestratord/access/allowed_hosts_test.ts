import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { checkAddresses, HostSet } from "./allowed_hosts.ts";

/** Names of the fields that are refused. */
function refused(endpoint: string, allowed?: readonly string[], uris: readonly string[] = []) {
  try {
    const set = allowed && new HostSet(allowed);
    checkAddresses({ endpoint, workers: uris.map((uri) => ({ uri })) }, set);
    return [];
  } catch (error) {
    assert.ok(error instanceof LlorchError);
    return (error.details?.["errors"] as { field: string }[]).map(({ field }) => field);
  }
}

Deno.test("pool addresses in a private network and on loopback are allowed", () => {
  const usual = [
    "http://127.0.0.1:9200",
    "https://gpu1:9200",
    "http://10.1.2.3",
    "http://192.168.0.9:1",
    "http://[fd00::1]:9200",
    "http://[::1]:9200",
  ];
  for (const url of usual) assert.deepEqual(refused(url, undefined, [url]), [], url);
});

Deno.test("addresses where a machine keeps secrets are not, in any spelling", () => {
  const hostile = [
    "http://169.254.169.254/latest/meta-data",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fe80::1]:9200",
    "http://[fd00:ec2::254]/",
    "http://metadata.google.internal./",
    "http://METADATA.google.internal/",
    "http://0.0.0.0:8080",
    "http://[::]:8080",
    "http://255.255.255.255",
    "file:///etc/passwd",
    "ftp://gpu1",
    "javascript:alert(1)",
    "http://user:word@gpu1:9200",
  ];
  for (const url of hostile) {
    assert.deepEqual(refused(url), ["endpoint"], url);
    assert.deepEqual(
      refused("http://gpu1", undefined, ["http://gpu1", url]),
      ["workers.1.uri"],
      url,
    );
  }
});

Deno.test("with a list only the hosts on it are allowed", () => {
  const list = ["gpu1", "*.gpu.example.org", "10.2.0.0/16", "fd01::/16", "192.168.7.7"];
  const allowed = [
    "http://gpu1:9200",
    "http://GPU1",
    "http://a.gpu.example.org",
    "http://10.2.255.1",
    "http://[fd01::9]:1",
    "http://192.168.7.7",
  ];
  for (const url of allowed) assert.deepEqual(refused(url, list), [], url);
  const others = [
    "http://gpu2",
    "http://gpu.example.org",
    "http://evilgpu.example.org",
    "http://10.3.0.1",
    "http://[fd02::9]",
    "http://192.168.7.8",
    "http://127.0.0.1",
    "http://10.2.0.1.example.org",
  ];
  for (const url of others) assert.deepEqual(refused(url, list), ["endpoint"], url);
  assert.deepEqual(refused("http://169.254.1.1", ["169.254.0.0/16"]), []);
});

Deno.test("HostSet refuses entries that are not hosts", () => {
  for (
    const entry of ["", "a b", "10.0.0.0/33", "10.0.0.0/x", "fe80::/129", "http://x", "*", "*."]
  ) {
    assert.throws(() => new HostSet([entry]), RangeError, entry);
  }
});
