import assert from "node:assert/strict";
import { sshFailure } from "./failure.ts";

Deno.test("sshFailure() has ssh's error and what to do, in one sentence", () => {
  const cases: [string, string][] = [
    [
      "ssh: Could not resolve hostname gpu9: Name or service not known\r\n",
      "Could not resolve hostname gpu9: Name or service not known; check the name, or llorch remote hosts add it",
    ],
    [
      "ssh: connect to host 127.0.0.1 port 1: Connection refused\r\n",
      "connect to host 127.0.0.1 port 1: Connection refused; check that sshd runs there, and its port",
    ],
    [
      "No ED25519 host key is known for [127.0.0.1]:1 and you have requested strict checking.\nHost key verification failed.\n",
      "Host key verification failed; ssh gpu9 once by hand, to check its key",
    ],
    [
      "Warning: something\nada@gpu9: Permission denied (publickey).\n",
      "ada@gpu9: Permission denied (publickey); add your key there, or load it: ssh-add",
    ],
    ["kex_exchange: strange\n", "kex_exchange: strange; try ssh gpu9 by hand"],
  ];
  for (const [log, expected] of cases) {
    assert.equal(sshFailure("gpu9", log), `Cannot reach gpu9 over ssh: ${expected}`);
  }
});
