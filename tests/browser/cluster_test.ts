/**
 * The console shows which of several orchestrators leads.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { ClusterView } from "#shared/contracts/mod.ts";
import type { Page } from "playwright-core";
import { withCluster } from "../cluster/cluster.ts";
import { accessible, chromiumPath, keep, withBrowser } from "../support/browser.ts";
import { WHY_NO_POSTGRES } from "../support/postgres.ts";

const why = WHY_NO_POSTGRES ??
  (chromiumPath() === undefined ? "needs Debian's package chromium" : undefined);

/** A row expires after ten seconds, and the page asks every three; machines may be busy. */
const SHOWN_MS = 60_000;

/** The orchestrators as the overview shows them. */
const strip = (page: Page) => page.getByRole("region", { name: "Orchestrators" });

/** Changes what `/v2/cluster` says to a page. */
async function says(page: Page, change: (view: ClusterView) => ClusterView): Promise<void> {
  await page.route("**/v2/cluster", async (route) => {
    const reply = await route.fetch();
    await route.fulfill({ response: reply, json: change(await reply.json()) });
  });
}

Deno.test({
  name: `the overview shows who leads, who is silent, and whose settings differ${
    why === undefined ? "" : ` (skipped: ${why})`
  }`,
  ignore: why !== undefined,
  fn: (t) =>
    withCluster(async ({ leader, follower, orchestrators }) => {
      const [first, other] = [await leader(), await follower()];
      const name = (at: { readonly url: string }) =>
        `o${orchestrators.findIndex(({ url }) => url === at.url)}`;
      await withBrowser(async (browser) => {
        const page = await browser.open(other.url);
        const item = (at: { readonly url: string }) =>
          strip(page).getByRole("listitem").filter({ hasText: name(at) });

        await t.step("one leads, the other follows", async () => {
          await item(first).getByText("leader", { exact: true }).waitFor();
          await item(other).getByText("follower", { exact: true }).waitFor();
          assert.equal(await strip(page).getByRole("listitem").count(), 2);
          await accessible(page);
        });

        await t.step("settings that differ are marked, and a leader that is missing", async () => {
          await says(page, (view) => ({
            ...view,
            replicas: view.replicas.map((each) => ({
              ...each,
              has_leaders_settings: each.role === "leader",
            })),
          }));
          await item(other).getByText("other settings").waitFor();
          assert.equal(await item(first).getByText("other settings").count(), 0);
          await keep(page, "cluster");
          await page.unrouteAll({ behavior: "wait" });
          await says(page, ({ leader: _, ...view }) => ({
            ...view,
            replicas: view.replicas.map((each) => ({ ...each, role: "follower" })),
          }));
          await strip(page).getByText("None of them leads").waitFor();
          await accessible(page);
          await page.unrouteAll({ behavior: "wait" });
        });

        const isShown = (at: { readonly url: string }, word: string) =>
          item(at).getByText(word, { exact: true }).waitFor({ timeout: SHOWN_MS });
        await t.step("the next leader is shown, and who is silent", async () => {
          first.program.kill("SIGSTOP");
          try {
            await isShown(other, "leader");
          } finally {
            first.program.kill("SIGCONT");
          }
          await isShown(first, "follower");
          first.program.kill("SIGSTOP");
          try {
            await isShown(first, "silent");
            await keep(page, "cluster_silent");
          } finally {
            first.program.kill("SIGCONT");
          }
          await isShown(first, "follower");
        });
      });
    }, { replicas: 2 }),
});
