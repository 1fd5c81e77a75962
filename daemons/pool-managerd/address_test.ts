import assert from "node:assert/strict";
import { urlHost } from "#shared/http/url_host.ts";
import { isWildcard, localHost, withHost } from "./address.ts";

Deno.test("localHost() returns an address that reaches a listener on all addresses", () => {
  assert.equal(localHost("0.0.0.0"), "127.0.0.1");
  assert.equal(localHost("::"), "::1");
  assert.equal(localHost("10.0.0.7"), "10.0.0.7");
  assert.ok(isWildcard("::") && !isWildcard("::1"));
});

Deno.test("withHost() and urlHost() write IPv6 in brackets", () => {
  assert.equal(urlHost("::1"), "[::1]");
  assert.equal(withHost("http://127.0.0.1:8001", "fd00::7"), "http://[fd00::7]:8001");
  assert.equal(withHost("http://127.0.0.1:8001", "gpu1"), "http://gpu1:8001");
});
