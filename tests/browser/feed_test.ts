import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { Page } from "playwright-core";
import { ROOT as TOKEN, withGuarded } from "../../daemons/orchestratord/testing/guarded.ts";
import { browserTest, setHidden, signIn, withBrowser } from "../support/browser.ts";

/** Waits until a page shows this state of its feed. */
function feedIs(page: Page, state: "live" | "reconnecting…"): Promise<void> {
  return page.getByText(state, { exact: true }).waitFor();
}

async function visit(page: Page, name: string): Promise<void> {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

browserTest(
  "after a restart of orchestratord the console goes on, still signed in",
  async () => {
    await withGuarded({}, async ({ url, client, pool: open, restart }) => {
      const pool = await open();
      pool.holdLoads = true;
      await withBrowser(async (browser) => {
        const page = await browser.open(url);
        await signIn(page, TOKEN);
        await visit(page, "Jobs");
        await restart();
        await pool.register();
        const body = { model: "counter", prompt: "1", max_tokens: 5, detached: true };
        const { job_id } = await client(TOKEN).call(routes.submit, { body });
        await page.getByRole("heading", { name: "Jobs", level: 1 }).waitFor();
        const jobs = page.getByRole("region", { name: "Job history" });
        await jobs.getByRole("link", { name: job_id }).waitFor();
        await client(TOKEN).call(routes.cancelTask, { params: { id: job_id } });
        await jobs.getByText("cancelled", { exact: true }).waitFor();
      });
    });
  },
);

browserTest(
  "a feed that was refused is requested again, and tables are fetched again",
  async () => {
    await withGuarded({}, async ({ url, key }) => {
      await withBrowser(async (browser) => {
        const page = await browser.open(url);
        await signIn(page, TOKEN);
        await visit(page, "Keys");
        await setHidden(page, true);
        await feedIs(page, "reconnecting…");
        await key({ name: "made meanwhile" });
        const refusals = [
          { status: 502, body: "Bad gateway" },
          { status: 503, json: { error: { code: "NOT_READY", message: "", retry_after_ms: 800 } } },
          { status: 503, headers: { "retry-after": "1" }, body: "" },
        ];
        const requestedAt: number[] = [];
        let lastId: string | undefined;
        await page.route("**/v2/events", async (route) => {
          requestedAt.push(performance.now());
          const refusal = refusals.shift();
          if (refusal) return await route.fulfill(refusal);
          lastId = route.request().headers()["last-event-id"];
          await route.continue();
        });
        await setHidden(page, false);
        await feedIs(page, "live");
        assert.equal(requestedAt.length, 4);
        assert.ok(
          requestedAt[2]! - requestedAt[1]! >= 800,
          "it waits as long as the reply's body says",
        );
        assert.ok(
          requestedAt[3]! - requestedAt[2]! >= 1_000,
          "it waits as long as Retry-After says",
        );
        assert.match(lastId ?? "", /^\d+$/, "it continues after the last event that it has");
        await page.getByRole("row", { name: "made meanwhile" }).waitFor();
      });
    });
  },
);

browserTest("tabs that nobody sees let go of their feeds, and take them up again", async () => {
  await withGuarded({}, async ({ url, client, pool }) => {
    await pool();
    await withBrowser(async (browser) => {
      const first = await browser.open(url);
      await signIn(first, TOKEN);
      const tabs = [first];
      // As many as the connections that a browser opens to one host.
      while (tabs.length < 6) {
        const tab = await first.context().newPage();
        tabs.push(tab);
        await tab.goto(url);
        await feedIs(tab, "live");
        for (const tab of tabs.slice(0, -1)) await setHidden(tab, true);
      }
      for (const tab of tabs.slice(0, -1)) await feedIs(tab, "reconnecting…");
      const last = tabs.at(-1)!;
      await visit(last, "Models");
      await last.getByRole("article", { name: "Model counter" }).waitFor();
      await client(TOKEN).call(routes.drainPool, { params: { id: "p1" }, body: {} });
      await setHidden(last, true);
      await setHidden(first, false);
      await feedIs(first, "live");
      await first.getByText("Pool p1 takes no new work").waitFor();
    });
  });
});
