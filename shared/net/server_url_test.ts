import assert from "node:assert/strict";
import { faultOfServerUrl, isOutside, serverBase } from "./server_url.ts";

const fault = (url: string, hasKey = false) => faultOfServerUrl(url, { hasKey });

Deno.test("a server of this network, or any with https, may be called", () => {
  for (
    const url of [
      ...["https://gpu.example.org", "https://203.0.113.7:8443/v1", "http://192.168.1.20:1234/v1"],
      ...[
        "http://127.0.0.1:8000",
        "http://mac.local:1234",
        "http://[fd00::5]:8000",
        "http://gpu:8000",
      ],
    ]
  ) {
    assert.equal(fault(url, true), undefined, url);
  }
  assert.equal(fault("http://gpu.example.org"), undefined, "without a key");
});

Deno.test("an address where machines keep secrets is refused in every spelling", () => {
  for (
    const host of [
      ...["169.254.169.254", "0xA9FEA9FE", "2852039166", "0251.0376.0251.0376", "169.254.169.254."],
      ...["[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "①69.254.169.254"],
      ...[
        "metadata.google.internal",
        "METADATA.google.internal.",
        "0.0.0.0",
        "[::]",
        "100.100.100.200",
      ],
    ]
  ) {
    for (const scheme of ["http", "https"]) {
      assert.match(fault(`${scheme}://${host}/v1`) ?? "", /secrets/, host);
    }
  }
});

Deno.test("what is no plain address is refused with the way out", () => {
  const cases: readonly (readonly [url: string, message: RegExp])[] = [
    ["gpu.example.org", /http or https URL/],
    ["file:///etc/passwd", /http or https URL/],
    ["https://me:pw@gpu.example.org", /api_key_file/],
    ["https://gpu.example.org/?a=1", /leave out \? or #/],
    ["https://gpu.example.org/#a", /leave out \? or #/],
  ];
  for (const [url, message] of cases) assert.match(fault(url) ?? "", message, url);
});

Deno.test("no key goes unencrypted to another network", () => {
  assert.match(fault("http://gpu.example.org", true) ?? "", /use https/);
  assert.match(fault("http://8.8.8.8:8000", true) ?? "", /use https/);
});

Deno.test("isOutside() goes by the address, or by names that only one network has", () => {
  const inside = ["localhost", "192.168.1.5", "[fd00::1]", "mac.local", "gpu", "a.home.arpa"];
  for (const host of inside) assert.equal(isOutside(`https://${host}/`), false, host);
  const outside = ["example.org", "8.8.8.8", "[2606:4700::1]", "local.example.org", "notlocal.org"];
  for (const host of outside) assert.equal(isOutside(`https://${host}/`), true, host);
});

Deno.test("serverBase() leaves out what requests add", () => {
  for (const end of ["", "/", "/v1", "/v1/"]) {
    assert.equal(serverBase(`https://a.example${end}`), "https://a.example");
    assert.equal(serverBase(`https://a.example/api${end}`), "https://a.example/api");
  }
});
