import assert from "node:assert/strict";
import { accept, token } from "../../testing/stored_jobs.ts";
import { homeIn } from "../../testing/postgres_home.ts";
import { startPostgres, WHY_NO_POSTGRES } from "../../../../tests/support/postgres.ts";
import { until } from "../../../../tests/support/stack.ts";
import { Fenced } from "../fenced.ts";
import { Servers } from "./servers.ts";
import { parseStoreUrl } from "./store_url.ts";

Deno.test({
  name:
    "after a standby has taken over that lacks the newest commits, jobs go on from what it has" +
    (WHY_NO_POSTGRES === undefined ? "" : ` (skipped: ${WHY_NO_POSTGRES})`),
  ignore: WHY_NO_POSTGRES !== undefined,
  async fn() {
    const first = await startPostgres({ listens: true });
    const second = await startPostgres({ listens: true, standbyOf: first });
    const home = homeIn(first, "llorch");
    const hosts = [first, second].map(({ port }) => ({ host: "127.0.0.1", port }));
    const servers = new Servers({
      url: { ...parseStoreUrl(first.url()), hosts },
      password: () => "",
    });
    const fences: string[] = [];
    const store = await home.open({
      servers,
      patienceMs: 60_000,
      onFenced: (reason) => fences.push(reason),
    });
    try {
      await store.begin();
      await accept(store, "j1");
      await store.append("j1", () => ({ events: [token(2)] }));
      const there = homeIn(second, "llorch");
      await until("the standby has it", async () => {
        const session = await there.session();
        const { rows } = await session.query("SELECT FROM events WHERE id = 2").catch(() => ({
          rows: [],
        }));
        await session.close();
        return rows.length === 1;
      });
      await second.stop("fast");
      await store.append("j1", () => ({ events: [token(3)] }));
      await first.stop("immediate");
      await second.start();
      await second.promote();
      await assert.rejects(store.append("j1", () => ({ events: [token(4)] })), Fenced);
      assert.match(fences.join(), /^Another server of the database has taken over/);
      await store.begin();
      const [job] = await store.unfinished();
      assert.equal(job!.jobId, "j1");
      assert.deepEqual((await store.events("j1", 0, 9)).map(({ id }) => id), [1, 2]);
      await store.append("j1", () => ({ events: [token(3)] }));
      assert.equal(fences.length, 1);
    } finally {
      await store.close();
      await second.remove();
      await first.remove();
    }
  },
});
