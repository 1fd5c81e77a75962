import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { Page } from "playwright-core";
import {
  accessible,
  browserTest,
  keep,
  type PageOptions,
  signIn,
  type TestBrowser,
  withBrowser,
} from "../support/browser.ts";
import { BROKEN, withCrowd } from "../support/crowd.ts";
import { until } from "../support/stack.ts";

/** Pages of the console by their names in the navigation. */
const PAGES = [
  ...["Overview", "Jobs", "Batches", "Responses"],
  ...["Models", "Playground", "Events", "Keys and limits"],
];

async function visit(page: Page, name: string): Promise<void> {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** What of a page is cut off at the right, or can be reached only by scrolling sideways. */
function beyond(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll("a, button, input, select, td, .badge")]
    .filter((each) => {
      const { left, right, width } = each.getBoundingClientRect();
      return width > 0 && !each.closest(".skip, .sr") && (left < 0 || right > innerWidth + 1);
    }).map((each) => each.outerHTML.slice(0, 120))`);
}

/** Tables that leave a part of their place empty: their cells then break within words. */
function squeezed(page: Page): Promise<string[]> {
  return page.evaluate(`[...document.querySelectorAll(".scroll > table")]
    .filter((table) => table.offsetWidth < table.parentElement.clientWidth - 1)
    .map((table) => table.parentElement.ariaLabel)`);
}

/** The name of what has the focus. */
const FOCUSED = "document.activeElement.ariaLabel ?? document.activeElement.textContent";

/** Presses Tab until an element with this name has the focus. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 400; presses++) {
    await page.keyboard.press("Tab");
    if (name.test(await page.evaluate(FOCUSED))) return;
  }
  throw new Error(`Nothing named ${name} can be reached with Tab`);
}

browserTest("a service with much to show", async (t) => {
  await withCrowd(async ({ url, token, client }) => {
    await withBrowser(async (browser) => {
      const page = await browser.open(url, { width: 1400, height: 900 });
      await signIn(page, token);

      await t.step("a silent pool, its workers and its memory are not shown as live", async () => {
        const silence = /^no heartbeat for (\d+ min )?\d+ s$/;
        const card = page.getByRole("article", { name: "Pool attic" });
        await card.getByText(silence).waitFor();
        assert.equal(await card.getByRole("img").count(), 0, "no bar of its memory");
        const row = page.getByRole("row", { name: "attic-worker-1" });
        await row.getByText(silence).waitFor();
        assert.equal(await row.getByRole("cell", { name: "–" }).count(), 3);
        assert.equal(await row.getByText("ready", { exact: true }).count(), 0);
        await visit(page, "Models");
        const model = page.getByRole("article", { name: "Model mistral-7b" });
        await model.getByText("no heartbeat", { exact: true }).waitFor();
        assert.equal(await model.getByText("loaded", { exact: true }).count(), 0);
      });

      await t.step("a failed load is told once, with its next try", async () => {
        const model = page.getByRole("article", { name: `Model ${BROKEN}` });
        const told = /^Load failed on front, next try (\d\d:\d\d:\d\d|with the next job): /;
        await model.getByText(told).waitFor();
        assert.equal((await model.innerText()).match(/The model is broken/g)?.length, 1);
        assert.doesNotMatch(await model.innerText(), /never|too large/);
      });

      await t.step("models are found by name and state; further names are folded", async () => {
        const cards = page.getByRole("article", { name: /^Model / });
        assert.equal(await cards.count(), 30);
        const folded = page.getByText("Also in 28 other files");
        assert.equal(await page.getByText("/data/users/u5/").isVisible(), false);
        await folded.click();
        await page.getByText("/data/users/u5/").waitFor();
        await page.getByLabel("Name", { exact: true }).fill("gemma");
        assert.equal(await cards.count(), 3);
        await page.getByLabel("State").selectOption("loaded");
        assert.equal(await cards.count(), 1);
        await page.getByText("models to download").click();
        const command = page.getByRole("row", { name: "TinyLlama" });
        await command.getByText("llorch models download tinyllama").waitFor();
        await command.getByRole("button", { name: /^Copy / }).click();
        await page.getByText("Copied").waitFor();
      });

      await t.step("jobs tell whose they are, how fast, and when they should start", async () => {
        await visit(page, "Jobs");
        const running = page.getByRole("region", { name: "Running jobs" });
        await running.getByRole("cell", { name: "nightly reports" }).first().waitFor();
        await running.getByRole("cell", { name: /^\d+\.\d$/ }).first().waitFor();
        const waiting = page.getByRole("region", { name: "Waiting jobs" });
        await waiting.getByRole("cell", { name: /^(soon|in .* s)$/ }).first().waitFor();
        await waiting.getByRole("cell", { name: "admin token" }).first().waitFor();
        await page.getByLabel("Status").selectOption({ label: "failed" });
        await page.getByRole("region", { name: "Job history" }).getByText("worker start failed")
          .waitFor();
        await page.getByLabel("Status").selectOption({ label: "all" });
      });

      await t.step("the log of a worker can be read", async () => {
        await page.getByRole("region", { name: "Running jobs" })
          .getByRole("link", { name: "front-worker-1" }).first().click();
        await page.getByRole("heading", { name: "Worker", level: 1 }).waitFor();
        await page.getByLabel("Log").getByText('"event":"ready"').waitFor();
        await accessible(page);
      });

      await t.step("repeated events are one row that unfolds", async () => {
        await visit(page, "Events");
        const failed = page.getByRole("row", { name: "Load failed" });
        await failed.first().waitFor();
        assert.equal(await failed.count(), 1);
        await failed.getByText(/^\d+ times, first at /).click();
        assert.ok(await failed.getByRole("listitem").count() > 0);
        await page.getByLabel("What happened").selectOption({ label: "No heartbeat" });
        await page.getByText("Pool attic: no heartbeat for 3 s").waitFor();
      });

      await t.step("many jobs are cancelled with the keyboard alone", async () => {
        const { running, jobs } = await client.call(routes.queue, {});
        assert.ok(jobs.length > 20);
        await visit(page, "Jobs");
        await page.getByRole("region", { name: "Waiting jobs" }).waitFor();
        await tabTo(page, /^Choose all \d+ waiting$/);
        await page.keyboard.press("Enter");
        await page.keyboard.press("Tab");
        assert.match(await page.evaluate(FOCUSED), /^Cancel \d+ jobs$/);
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").waitFor();
        await tabTo(page, /^Keep$/);
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").waitFor({ state: "detached" });
        assert.match(await page.evaluate(FOCUSED), /^Cancel \d+ jobs$/);
        await page.keyboard.press("Enter");
        await page.getByRole("dialog").waitFor();
        // One starts meanwhile, as far as the page can know.
        const started = jobs[0]!;
        const isOther = ({ job_id }: { job_id: string }) => job_id !== started.job_id;
        await page.route("**/v2/queue", async (route) => {
          const now = await (await route.fetch()).json();
          const json = { ...now, jobs: now.jobs.filter(isOther) };
          await route.fulfill({ json });
        });
        await tabTo(page, /^Cancel \d+ jobs$/);
        await page.keyboard.press("Enter");
        await page.getByText(/^Cancelled \d+ jobs/).waitFor();
        await page.unroute("**/v2/queue");
        await until("the other waiting jobs are gone", async () => {
          const left = await client.call(routes.queue, {});
          return left.jobs.filter(isOther).length === 0;
        });
        const { status } = await client.call(routes.getTask, { params: { id: started.job_id } });
        assert.notEqual(status, "cancelled");
        await page.getByRole("region", { name: "Chosen jobs" }).waitFor({ state: "detached" });
        // The list may be gone by now.
        await until(
          "the focus is where to go on",
          async () => /^(Waiting jobs|Jobs)$/.test(await page.evaluate(FOCUSED)),
        );
        assert.ok(running.length > 0);
      });

      await t.step("no page logged an error", () => checkErrors(browser));
    });
  });
});

browserTest(
  "at 390 pixels, dark, everything can be reached",
  (t) => reachable(t, { width: 390, height: 800, scheme: "dark" }),
);

browserTest(
  "at 800 pixels, light, everything can be reached",
  (t) => reachable(t, { width: 800, height: 900, scheme: "light" }),
);

browserTest(
  "at 1400 pixels, dark, everything can be reached",
  (t) => reachable(t, { width: 1400, height: 900, scheme: "dark" }),
);

/** Tries every page on a screen. */
async function reachable(t: Deno.TestContext, screen: Required<PageOptions>): Promise<void> {
  await withCrowd(async ({ url, token }) => {
    await withBrowser(async (browser) => {
      const page = await browser.open(url, screen);
      await signIn(page, token);
      for (const name of PAGES) {
        await t.step(name, async () => {
          await visit(page, name);
          if (name === "Jobs") await page.getByRole("region", { name: "Waiting jobs" }).waitFor();
          if (name === "Models") {
            await page.getByRole("article", { name: `Model ${BROKEN}` }).waitFor();
            for (const each of await page.locator("details > summary").all()) await each.click();
          }
          assert.deepEqual(await beyond(page), [], name);
          assert.deepEqual(await squeezed(page), [], name);
          await accessible(page);
          const file = name.toLowerCase().replaceAll(" ", "_");
          await keep(page, `crowd_${file}_${screen.width}_${screen.scheme}`);
        });
      }
      checkErrors(browser);
    });
  });
}

/** Checks that no page logged an error, but for asking who is there before somebody signed in. */
function checkErrors({ errors }: TestBrowser): void {
  assert.deepEqual(errors.filter((error) => !error.includes("401")), []);
}
