import assert from "node:assert/strict";
import { ORCHESTRATORD, POOL_MANAGERD } from "./kind.ts";
import { managerOf, serviceCommand } from "./service.ts";

Deno.test("serviceCommand() speaks to systemd and to launchd", () => {
  const words = (...args: Parameters<typeof serviceCommand>) => serviceCommand(...args).join(" ");
  assert.equal(
    words(ORCHESTRATORD, "enable", managerOf("linux")),
    "systemctl enable --now orchestratord",
  );
  assert.equal(words(POOL_MANAGERD, "stop", "systemd"), "systemctl stop pool-managerd");
  assert.equal(
    words(ORCHESTRATORD, "find", managerOf("darwin")),
    "launchctl list org.llorch.orchestratord",
  );
  assert.equal(
    words(POOL_MANAGERD, "start", "launchd"),
    "launchctl start org.llorch.pool-managerd",
  );
});
