import assert from "node:assert/strict";
import { dirname } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient, TransportError } from "#shared/http/client.ts";
import { HAS_OPENSSL, withCertificates } from "../support/certificates.ts";
import { runExecutable, withService } from "../support/service.ts";
import { slowCounterModel } from "../support/slow_counter.ts";
import { numbersOf, range, run } from "../support/stack.ts";

const task = { model: "slow-counter", prompt: "w7", max_tokens: 20, temperature: 0 };

Deno.test({
  name: "HTTPS and keys from end to end, command line included" +
    (HAS_OPENSSL ? "" : " (skipped: no openssl)"),
  ignore: !HAS_OPENSSL,
  fn: () =>
    withCertificates((tls) =>
      withService(dirname(slowCounterModel()), async (service) => {
        const { client, orchestratord } = service;
        assert.match(orchestratord.url, /^https:/);
        assert.deepEqual(numbersOf(await run(client, task)), range(8, 20));

        // A client that does not trust the certificate authority cannot talk to the service.
        const stranger = createClient({ baseUrl: orchestratord.url });
        await assert.rejects(stranger.call(routes.health, {}), (error: Error) => {
          assert.ok(error instanceof TransportError);
          return true;
        });
        const plain = createClient({ baseUrl: orchestratord.url.replace("https", "http") });
        await assert.rejects(plain.call(routes.health, {}), TransportError);

        const { secret } = await client.call(routes.createKey, { body: { name: "a person" } });
        const ran = await runExecutable("llorch", [
          ...["orchestrator", "jobs", "submit", "--model", "slow-counter"],
          ...["--max-tokens", "5", "--temperature", "0", "w7"],
        ], {
          LLORCH_ORCHESTRATOR_URL: orchestratord.url,
          LLORCH_API_TOKEN: secret,
          LLORCH_CA_FILE: tls.ca,
        });
        assert.equal(ran.code, 0, ran.err);
        assert.deepEqual(ran.out.match(/\d+/g)?.map(Number), range(8, 5));
        for (const daemon of ["orchestrator", "pool-manager"]) {
          const status = await service.llorch(daemon, "status", "--json");
          assert.equal(JSON.parse(status.out).reachable, true, status.out + status.err);
        }
      }, { tls })
    ),
});
