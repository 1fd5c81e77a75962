import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { createClient } from "#shared/http/client.ts";
import { listen } from "#shared/http/serve.ts";
import { HAS_OPENSSL, withCertificates } from "../../tests/support/certificates.ts";
import { explaining, UnreachableError } from "./failure.ts";
import { ORCHESTRATORD } from "./kind.ts";

Deno.test({
  name:
    "for a daemon with an untrusted certificate the error says what to trust, not that it is down" +
    (HAS_OPENSSL ? "" : " (skipped: no openssl)"),
  ignore: !HAS_OPENSSL,
  fn: () =>
    withCertificates(async ({ cert, key }) => {
      const tls = { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
      const server = await listen({ hostname: "127.0.0.1", port: 0, tls }, () => new Response());
      try {
        const client = explaining(createClient({ baseUrl: server.url }), ORCHESTRATORD);
        await assert.rejects(client.call(routes.health, {}), (error) => {
          assert.ok(error instanceof UnreachableError);
          assert.equal(
            error.message,
            `Cannot trust orchestratord at ${server.url}: invalid peer certificate: ` +
              "UnknownIssuer; set LLORCH_CA_FILE to a file with the authority that signed it, " +
              "or use llorch config set orchestrator.ca_file FILE",
          );
          return true;
        });
      } finally {
        await server.close(0);
      }
    }),
});
