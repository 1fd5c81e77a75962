import assert from "node:assert/strict";
import { join } from "node:path";
import { VERSION } from "#shared/version.ts";
import { planBuild } from "../../tools/build/plan.ts";
import { build } from "../../tools/build/build.ts";
import { output } from "../../tools/build/process.ts";
import { findTarget } from "../../tools/build/targets.ts";
import { buildDebs } from "../../tools/package/deb.ts";
import { makePackages, withPackaging } from "../../tools/package/main.ts";
import { debianObstacle, debianRoot } from "../support/debian_root.ts";
import { type Machine, withMachine } from "../support/machine.ts";
import { writeCounterModel } from "../support/models.ts";
import { range, ROOT, until } from "../support/stack.ts";

const PACKAGES = ["llorch", "llorch-worker-cpu", "llorch-orchestratord", "llorch-pool-managerd"];
const DAEMONS = ["llorch-orchestratord", "llorch-pool-managerd"];

/** Builds the packages of this version and of an earlier one, and a model, in a folder. */
async function furnish(dir: string): Promise<void> {
  const target = findTarget(Deno.build.target);
  const dist = join(dir, "dist");
  const plan = planBuild(["--runtime=portable", "--out", dist], target.triple, ROOT);
  await build(plan, () => {});
  await makePackages(["deb", "tarball"], target, dist, join(dir, "new"));
  await withPackaging(target, dist, join(dir, "old"), (options) => {
    return buildDebs({ ...options, version: "0.0.9", triple: target.triple });
  });
  writeCounterModel(join(dir, "counter.gguf"), { numbers: 4000 });
}

function install(machine: Machine, version: "old" | "new"): Promise<string> {
  const files = PACKAGES.map((name) => `/packages/${version}/${name}_*.deb`).join(" ");
  return machine.sh(`DEBIAN_FRONTEND=noninteractive dpkg -i ${files} 2>&1`);
}

/** Runs llorch as root, with the token of this host. */
function llorch(machine: Machine, line: string): Promise<string> {
  return machine.sh(`LLORCH_API_TOKEN=$(cat /etc/llorch/token) llorch ${line}`);
}

/** A property of a unit, from systemd. */
async function property(machine: Machine, unit: string, name: string): Promise<string> {
  return (await machine.run("systemctl", "show", unit, `--property=${name}`, "--value")).out;
}

async function mainPid(machine: Machine, unit: string): Promise<number> {
  return Number(await property(machine, unit, "MainPID"));
}

function untilActive(machine: Machine, unit: string, notPid = 0): Promise<void> {
  return until(`${unit} is active`, async () => {
    const pid = await mainPid(machine, unit);
    return pid !== 0 && pid !== notPid && await property(machine, unit, "ActiveState") === "active";
  });
}

const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number);

const submit = (tokens: number, more = "") =>
  `orchestrator jobs submit -m counter -t 0 -n ${tokens} ${more} w7`;

const obstacle = await debianObstacle("systemd-nspawn", "nsenter", "dpkg-deb");
if (obstacle !== undefined) console.log(`packages_test: skipped, ${obstacle}`);

Deno.test({
  name: "packages install, run under systemd, upgrade with data in place, and leave nothing behind",
  ignore: obstacle !== undefined,
  async fn(t) {
    const dir = await Deno.makeTempDir({ prefix: "llorch-test-" });
    try {
      await Deno.chmod(dir, 0o755);
      await t.step("two versions are built", () => furnish(dir));
      await t.step({
        name: "lintian finds no error",
        ignore: await debianObstacle("lintian") !== undefined,
        async fn() {
          const debs = PACKAGES.map((name) => join(dir, "new", `${name}_${VERSION}_amd64.deb`));
          const report = await output("lintian", ["--allow-root", "--fail-on=error", ...debs]);
          assert.doesNotMatch(report, /^E:/m);
        },
      });
      const root = await debianRoot();
      await withMachine(root, [`${dir}:/packages`], (machine) => live(t, machine));
      await withMachine(root, [`${dir}:/packages`], (machine) => liveTarball(t, machine));
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

/** Steps on a host with the packages, from the first installation to the purge. */
async function live(t: Deno.TestContext, machine: Machine): Promise<void> {
  const { sh } = machine;

  await t.step("an installation starts both services, and only root reads the token", async () => {
    await install(machine, "old");
    for (const unit of DAEMONS) await untilActive(machine, unit);
    assert.equal(await sh("stat -c '%a %U' /etc/llorch/token"), "600 root");
    assert.match(
      await property(machine, "llorch-orchestratord", "StatusText"),
      /^http:\/\/127\.0\.0\.1:8080: 0 running, 0 waiting, /,
    );
    assert.equal(await sh("ps -o user= -C deno | sort -u | wc -l"), "2");
    const refused = await machine.run("sh", "-c", "llorch orchestrator jobs list");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /token/i);
  });

  await t.step("a model in the models folder is served", async () => {
    await sh("cp /packages/counter.gguf /var/lib/llorch/models/");
    await until("the model is known", async () => {
      return (await machine.run(
        "sh",
        "-c",
        "LLORCH_API_TOKEN=$(cat /etc/llorch/token) llorch " + submit(1),
      ))
        .code === 0;
    });
    assert.deepEqual(numbers(await llorch(machine, submit(5))), range(8, 5));
  });

  let accepted = "";
  await t.step("an upgrade keeps jobs, settings and workers", async () => {
    await sh("sed -i 's/^capacity = .*/capacity = 77/' /etc/llorch/orchestrator.toml");
    const workers = await sh("pgrep -f -- '[-]-worker-id'");
    accepted = await llorch(machine, submit(3000, "--detach --quiet"));
    const before = await mainPid(machine, "llorch-orchestratord");
    await install(machine, "new");
    await untilActive(machine, "llorch-orchestratord", before);
    for (const unit of DAEMONS) await untilActive(machine, unit);
    assert.equal(await sh("dpkg-query -W -f '${Version}' llorch-orchestratord"), VERSION);
    assert.match(await sh("cat /etc/llorch/orchestrator.toml"), /^capacity = 77$/m);
    const counted = await llorch(machine, `orchestrator jobs watch ${accepted.trim()}`);
    assert.deepEqual(numbers(counted), range(8, 3000));
    assert.equal(await sh("pgrep -f -- '[-]-worker-id'"), workers, "the worker was adopted");
  });

  await t.step(
    "kill -9 of the pool manager: systemd starts it, and it adopts its worker",
    async () => {
      const workers = await sh("pgrep -f -- '[-]-worker-id'");
      const before = await mainPid(machine, "llorch-pool-managerd");
      await sh(`kill -9 ${before}`);
      await untilActive(machine, "llorch-pool-managerd", before);
      assert.equal(await sh("pgrep -f -- '[-]-worker-id'"), workers);
      assert.deepEqual(numbers(await llorch(machine, submit(5))), range(8, 5));
    },
  );

  await t.step("a daemon that hangs is killed by the watchdog and started again", async () => {
    for (const unit of DAEMONS) {
      const drop = `/run/systemd/system/${unit}.service.d`;
      await sh(`mkdir -p ${drop}; printf '[Service]\nWatchdogSec=2s\n' > ${drop}/watchdog.conf`);
    }
    await sh(`systemctl daemon-reload; systemctl restart ${DAEMONS.join(" ")}`);
    for (const unit of DAEMONS) {
      await untilActive(machine, unit);
      const before = await mainPid(machine, unit);
      const restarts = Number(await property(machine, unit, "NRestarts"));
      await sh(`kill -STOP ${before}`);
      await untilActive(machine, unit, before);
      assert.equal(Number(await property(machine, unit, "NRestarts")), restarts + 1);
      assert.match(await sh(`journalctl -u ${unit} --no-pager`), /Watchdog timeout/);
    }
  });

  await t.step("a service that cannot start is retried until it can", async () => {
    const unit = "llorch-orchestratord";
    const drop = `/run/systemd/system/${unit}.service.d`;
    await sh(`mkdir -p ${drop}; printf '[Service]\nRestartSec=50ms\n' > ${drop}/restart.conf`);
    await sh("mv /etc/llorch/token /etc/llorch/token.away; systemctl daemon-reload");
    await machine.run("systemctl", "restart", unit);
    await until("systemd has tried several times", async () => {
      return Number(await property(machine, unit, "NRestarts")) > 25;
    });
    await sh("mv /etc/llorch/token.away /etc/llorch/token");
    await untilActive(machine, unit);
    await sh(`rm ${drop}/restart.conf; systemctl daemon-reload`);
  });

  await t.step(
    "an error in a config file is reported once, and the start is not retried",
    async () => {
      await sh("echo 'colour = 1' >> /etc/llorch/orchestrator.toml");
      await machine.run("systemctl", "restart", "llorch-orchestratord");
      await until("it has failed", async () => {
        return await property(machine, "llorch-orchestratord", "ActiveState") === "failed";
      });
      assert.match(
        await sh("journalctl -u llorch-orchestratord --no-pager"),
        /orchestrator\.toml:\d+: .*colour is not a known field/,
      );
      await sh("sed -i '$d' /etc/llorch/orchestrator.toml; systemctl start llorch-orchestratord");
      await untilActive(machine, "llorch-orchestratord");
    },
  );

  await t.step("a backup is restored", async () => {
    const operations = await Deno.readTextFile(join(ROOT, "docs/operations.md"));
    const section = /## Back up and restore\n([^]*?)\n## /.exec(operations)![1]!;
    const [backup, restore] = [...section.matchAll(/```sh\n([^]*?)```/g)].map(([, lines]) =>
      lines!
    );
    // The operator cannot enter the daemon's folder, and has a file of the same name at home.
    await sh("useradd --create-home ann; touch /home/ann/orchestrator.db-wal /home/ann/sudo");
    await sh(
      `printf '#!/bin/sh\nexec "$@"\n' > /usr/bin/sudo; chmod 755 /usr/bin/sudo`,
    );
    const token = await sh("cat /etc/llorch/token");
    assert.match(await sh(`cd /home/ann; ${backup}`), /^\/root\/llorch-\S+\.db: \d+ jobs/);
    assert.equal(await sh("stat -c %a /root/llorch-*.tar.gz"), "600");
    await sh("rm -r /etc/llorch");
    await sh(`cd /home/ann; ${restore!.replaceAll("DAY", "$(date +%F)")}`);
    for (const unit of DAEMONS) await untilActive(machine, unit);
    assert.equal(await sh("cat /etc/llorch/token; stat -c %a /etc/llorch/token"), `${token}600`);
    await sh("test -e /home/ann/orchestrator.db-wal; rm /usr/bin/sudo");
    const known = await llorch(machine, `orchestrator jobs show --json ${accepted.trim()}`);
    assert.equal(JSON.parse(known).status, "completed");
  });

  await t.step("a new token is used after the next start, and the old one is refused", async () => {
    const before = await sh("cat /etc/llorch/token");
    await sh("(umask 077; echo 0123456789abcdef0123456789abcdef > /etc/llorch/token)");
    await sh(`systemctl restart ${DAEMONS.join(" ")}`);
    for (const unit of DAEMONS) await untilActive(machine, unit);
    const old = await machine.run(
      ...["sh", "-c", `LLORCH_API_TOKEN=${before} llorch orchestrator jobs list`] as const,
    );
    assert.equal(old.code, 1);
    assert.match(old.err, /token/i);
    assert.ok(
      Array.isArray(JSON.parse(await llorch(machine, "orchestrator jobs list --json")).tasks),
    );
  });

  await t.step("a stop lets streams end, and leaves no process of the orchestrator", async () => {
    await until("the pool is back", async () => {
      return (await machine.run(
        "sh",
        "-c",
        `LLORCH_API_TOKEN=$(cat /etc/llorch/token) llorch ${submit(1)}`,
      ))
        .code === 0;
    });
    const stream = llorch(machine, submit(500));
    await sh("sleep 0.3; systemctl stop llorch-orchestratord");
    assert.deepEqual(numbers(await stream), range(8, 500));
    assert.equal(await property(machine, "llorch-orchestratord", "Result"), "success");
  });

  await t.step("removal keeps settings, jobs and models; a purge keeps the models", async () => {
    await sh(`dpkg -r ${DAEMONS.join(" ")} 2>&1`);
    await sh("test -e /etc/llorch/orchestrator.toml && test -e /var/lib/llorch/orchestratord");
    assert.notEqual(await property(machine, "llorch-orchestratord", "LoadState"), "loaded");
    await sh(`dpkg -P ${PACKAGES.join(" ")} 2>&1`);
    assert.equal(await sh("ls /var/lib/llorch"), "models");
    assert.equal(
      await sh("ls /etc/llorch /var/cache/llorch /usr/bin/*orch* 2>/dev/null || true"),
      "",
    );
  });
}

/** Steps on a host with the archive, without packages. */
async function liveTarball(t: Deno.TestContext, machine: Machine): Promise<void> {
  const { sh } = machine;
  const archive = `llorch-${VERSION}-${Deno.build.target}`;
  await sh(`tar xzf /packages/new/${archive}.tar.gz -C /root`);

  for (const prefix of ["/usr/local", "/opt/a b"]) {
    await t.step(`the archive's services run from ${prefix}, and are gone afterwards`, async () => {
      const installer = `/root/${archive}/install.sh --prefix '${prefix}'`;
      assert.match(
        await sh(`${installer} --services`),
        /^start them with: systemctl enable --now /m,
      );
      assert.equal(await sh(`stat -c '%a %U' '${prefix}/etc/llorch/token'`), "600 root");
      await sh(`systemctl enable --now ${DAEMONS.join(" ")} 2>&1`);
      for (const unit of DAEMONS) await untilActive(machine, unit);
      await sh("cp /packages/counter.gguf /var/lib/llorch/models/");
      const job = `LLORCH_API_TOKEN=$(cat '${prefix}/etc/llorch/token') ` +
        `'${prefix}/bin/llorch' ${submit(5)}`;
      await until("the model is served", async () => {
        return (await machine.run("sh", "-c", job)).code === 0;
      });
      assert.deepEqual(numbers(await sh(job)), range(8, 5));
      await sh(`systemctl kill --kill-whom=all llorch-pool-managerd`);
      assert.match(await sh(`${installer} --uninstall`), /^removed; /m);
      for (const unit of DAEMONS) {
        assert.equal(await property(machine, unit, "ActiveState"), "inactive");
      }
      assert.equal(
        await sh(`find '${prefix}' -name '*orchestratord*' -o -name llorch`),
        `${prefix}/etc/llorch`,
      );
    });
  }
}
