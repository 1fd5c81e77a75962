import assert from "node:assert/strict";
import { ORCHESTRATORD, POOL_MANAGERD } from "./kind.ts";
import { managerOf, serviceCommand } from "./service.ts";

Deno.test("serviceCommand() has the commands of systemd and of launchd", () => {
  const commandLine = (...args: Parameters<typeof serviceCommand>) =>
    serviceCommand(...args).join(" ");
  assert.equal(
    commandLine(ORCHESTRATORD, "enable", managerOf("linux")),
    "systemctl enable --now orchestratord",
  );
  assert.equal(commandLine(POOL_MANAGERD, "stop", "systemd"), "systemctl stop pool-managerd");
  assert.equal(
    commandLine(ORCHESTRATORD, "find", managerOf("darwin")),
    "launchctl list org.llorch.orchestratord",
  );
  assert.equal(
    commandLine(POOL_MANAGERD, "start", "launchd"),
    "launchctl start org.llorch.pool-managerd",
  );
});
