import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { ROOT as TOKEN, withGuarded } from "../../daemons/orchestratord/testing/guarded.ts";
import { until } from "../support/stack.ts";
import { accessible, browserTest, keep, signIn, withBrowser } from "../support/browser.ts";

browserTest("an unknown address shows an error, and the console stays usable", async () => {
  await withGuarded({}, async ({ url, key }) => {
    const client = await key({ name: "laptop" });
    await withBrowser(async (browser) => {
      const page = await browser.open(`${url}/#/jobs/%`);
      await signIn(page, client.secret);
      await page.getByRole("alert").getByText("There is no such job").waitFor();
      await keep(page, "missing");
      await accessible(page);
      for (const place of ["nosuch", "models/x", "keys"]) {
        await page.goto(`${url}/#/${place}`);
        await page.getByRole("alert").getByText("There is no such page").waitFor();
      }
      await page.goto(`${url}/#/jobs/${crypto.randomUUID()}`);
      await page.getByRole("alert").getByText("There is no such job").waitFor();
      await page.getByRole("link", { name: "All jobs" }).click();
      await page.getByText("There are no such jobs.").waitFor();
    });
  });
});

browserTest("a page that cannot be rendered does not affect the others", async () => {
  await withGuarded({}, async ({ url, pool }) => {
    await pool();
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      await page.route("**/v2/models*", (route) => route.fulfill({ json: { models: [{}] } }));
      const pages = page.getByRole("navigation", { name: "Pages" });
      await pages.getByRole("link", { name: "Models" }).click();
      await page.getByRole("alert").getByText("This page cannot be shown").waitFor();
      await accessible(page);
      await page.unroute("**/v2/models*");
      await page.getByRole("link", { name: "To the overview" }).click();
      await page.getByRole("article", { name: "Pool p1" }).waitFor();
      await pages.getByRole("link", { name: "Models" }).click();
      await page.getByRole("article", { name: "Model counter" }).waitFor();
    });
  });
});

browserTest("a job is fetched while it runs, and no longer once it has ended", async () => {
  await withGuarded({}, async ({ url, root, pool: open }) => {
    const pool = await open();
    pool.holdLoads = true;
    const body = { model: "counter", prompt: "1", max_tokens: 5, detached: true };
    const { job_id: id } = await root.call(routes.submit, { body });
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      await page.clock.install();
      let fetches = 0;
      page.on("request", (request) => {
        if (request.url().endsWith(`/v2/tasks/${id}`)) fetches++;
      });
      await page.goto(`${url}/#/jobs/${id}`);
      await page.getByRole("button", { name: `Cancel ${id}` }).waitFor();
      await page.clock.runFor(5_000);
      await until("the job was fetched several times", () => fetches >= 4);
      await root.call(routes.cancelTask, { params: { id } });
      await page.clock.runFor(1_000);
      await page.getByRole("cell", { name: /^CANCELLED/ }).waitFor();
      await page.clock.runFor(1_000);
      fetches = 0;
      await page.clock.runFor(5_000);
      assert.equal(fetches, 0);
    });
  });
});
