import assert from "node:assert/strict";
import { begin, ended } from "../../daemons/orchestratord/testing/batches.ts";
import { join } from "node:path";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import type { Locator, Page } from "playwright-core";
import { accessible, browserTest, keep, withBrowser } from "../support/browser.ts";
import { llorch } from "../support/llorch.ts";
import { writeCounterModel, writeUtf8Model } from "../support/models.ts";
import { ROOT, run, type Stack, until, withStack } from "../support/stack.ts";

/** Tokens of a slot: enough that a job of the slow model runs until the page cancels it. */
const CONTEXT = 32_768;

/** A folder with the demo model, one that counts slowly, and one that generates markup. */
async function modelsFolder(): Promise<string> {
  const folder = await Deno.makeTempDir();
  await Deno.copyFile(join(ROOT, "catalog/demo/demo.gguf"), join(folder, "demo.gguf"));
  writeCounterModel(join(folder, "slow.gguf"), { numbers: 40_000, context: CONTEXT });
  writeUtf8Model(join(folder, "markup.gguf"), { text: "<script>" });
  return folder;
}

/** Opens a page of the console by its link. */
async function visit(page: Page, name: string): Promise<void> {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name }).click();
  await page.getByRole("heading", { name, level: 1 }).waitFor();
}

/** Submits a job to the slow model that runs for about a minute unless it is cancelled. */
async function longJob({ client }: Stack): Promise<string> {
  const body = { model: "slow", prompt: "w1", max_tokens: CONTEXT - 100, detached: true };
  return (await client.call(routes.submit, { body })).job_id;
}

/** Waits until a table has this many rows. */
function rowsShown(table: Page | Locator, count: number): Promise<void> {
  const rows = table.locator("tbody tr");
  return until(`there are ${count} rows`, async () => await rows.count() === count);
}

browserTest("the console, page by page, against the real stack", async (t) => {
  const models = await modelsFolder();
  await withStack({ models, model: "demo", slots: 2, context: CONTEXT }, async (stack) => {
    await withBrowser(async (browser) => {
      const page = await browser.open(stack.url);
      await page.getByText("live", { exact: true }).waitFor();

      await t.step(
        "overview: figures, charts, memory and workers are shown and change",
        async () => {
          await run(stack.client, { model: "demo", prompt: "Once", max_tokens: 200, seed: 1 });
          const tile = page.locator(".tile", { hasText: "Time to first token" });
          await tile.getByText(/\d m?s/).waitFor();
          assert.equal(await page.locator(".chart canvas").count(), 4);
          // It is alone, which needs no words.
          assert.equal(await page.getByRole("region", { name: "Orchestrators" }).count(), 0);
          await page.getByRole("img", { name: /^cpu: .* workers, .* others, .* free of / })
            .waitFor();
          const workers = page.getByRole("region", { name: "Workers" });
          await workers.getByRole("row", { name: "demo" }).getByText("ready").waitFor();
          await page.getByText(/Worker w-\S+ is ready with demo on local/).waitFor();
          await accessible(page);
        },
      );

      await t.step("playground: an answer streams, and its request is shown as code", async () => {
        await visit(page, "Playground");
        await page.getByLabel("Model").selectOption("demo");
        await page.getByLabel("Seed").fill("7");
        await page.getByLabel("Message").fill("Tell me a story about Ada");
        await page.keyboard.press("Enter");
        await page.getByText(/^\d+ tokens in .*, first after .*, stop$/).waitFor();
        const answer = await page.locator(".turn.assistant p").innerText();
        assert.match(answer, /Ada/);
        await keep(page, "playground");
        const code = page.locator(".code pre");
        const command = await code.innerText();
        assert.match(command, /^curl -N http.*\/v1\/chat\/completions \\\n/);
        // The code sends the same request as the page.
        const { stdout } = await new Deno.Command("bash", {
          args: ["-c", command.replace('"stream": true', '"stream": false')],
          env: { LLORCH_API_KEY: "none" },
        }).output();
        const { choices: [choice] } = JSON.parse(new TextDecoder().decode(stdout));
        assert.equal(choice.message.content.trim(), answer.trim());
        await page.getByLabel("Python").check();
        assert.match(await code.innerText(), /client = OpenAI\(base_url=.*[^]* {4}model="demo",/);
        await page.getByRole("button", { name: "Copy" }).click();
        await page.getByText("Copied").waitFor();
        await accessible(page);
      });

      await t.step("playground: an answer can be stopped, and its slot becomes free", async () => {
        await page.getByRole("button", { name: "New chat" }).click();
        await page.getByLabel("Model").selectOption("slow");
        await page.getByLabel("Max tokens").fill(String(CONTEXT - 100));
        await page.getByLabel("Message").fill("w7");
        await page.keyboard.press("Enter");
        await page.locator(".turn.assistant p").getByText(/w\d+ w\d+/).waitFor();
        await page.getByRole("button", { name: "Stop" }).click();
        await page.getByRole("button", { name: "Send" }).waitFor();
        await page.getByText("Stopped before the end").waitFor();
        const isFree = async () => (await stack.workers()).every(({ active }) => active === 0);
        await until("its slot is free", isFree);
      });

      await t.step(
        "what a model says, and a person asks, is text and never runs",
        async () => {
          await page.getByRole("button", { name: "New chat" }).click();
          await page.getByLabel("Model").selectOption("markup");
          await page.getByLabel("Max tokens").fill("40");
          const hostile = `"><img src=x onerror="window.pwned=1"></pre><script>pwned=1</script>`;
          await page.getByLabel("Message").fill(hostile);
          await page.keyboard.press("Enter");
          await page.locator(".turn.assistant p").getByText(/<script><script>/).waitFor();
          assert.equal(await page.locator(".turn.user p").innerText(), hostile);
          for (const language of ["JavaScript", "Python", "curl"]) {
            await page.getByLabel(language, { exact: true }).check();
            assert.ok((await page.locator(".code pre").innerText()).includes("onerror="));
          }
          assert.equal(await page.locator("main img, main script").count(), 0);
          assert.equal(await page.evaluate("window.pwned"), undefined);
          await page.getByText(/^\d+ tokens in /).waitFor();
        },
      );

      await t.step(
        "jobs: filter, pages, a timeline, and a cancel that asks for confirmation",
        async () => {
          const first = await longJob(stack);
          await stack.client.call(routes.cancelTask, { params: { id: first } });
          const short = { model: "demo", prompt: "a", max_tokens: 1 };
          await Promise.all(Array.from({ length: 30 }, () => run(stack.client, short)));
          await visit(page, "Jobs");
          const table = page.getByRole("region", { name: "Job history" });
          await rowsShown(table, 25);
          await page.getByRole("button", { name: "Older" }).click();
          await page.getByText("Page 2").waitFor();
          await table.getByRole("link", { name: first }).waitFor();
          await keep(page, "jobs");
          await page.getByLabel("Status").selectOption("cancelled");
          await page.getByText("Page 1").waitFor();
          await rowsShown(table, 1);
          const id = await longJob(stack);
          await page.getByLabel("Status").selectOption("");
          await table.getByRole("row", { name: id }).getByText("running").waitFor();
          // Replies from before the job ran: nothing else moves, but the list is fetched again.
          await page.route(
            /\/v2\/tasks\?.*status=running/,
            (route) => route.fulfill({ json: { tasks: [] } }),
            { times: 2 },
          );
          await page.getByLabel("Status").selectOption("running");
          await page.getByText("There are no such jobs.").waitFor();
          await table.getByRole("link", { name: id }).click();
          await page.getByRole("cell", { name: "first token" }).waitFor();
          await page.getByText(/w2 w3 w4/).waitFor();
          await page.getByRole("button", { name: `Cancel ${id}` }).click();
          await accessible(page);
          await page.keyboard.press("Escape");
          await page.getByRole("dialog").waitFor({ state: "detached" });
          const focused = "document.activeElement.getAttribute('aria-label')";
          assert.equal(await page.evaluate(focused), `Cancel ${id}`);
          await page.keyboard.press("Enter");
          await page.getByRole("button", { name: "Cancel the job" }).click();
          await page.getByRole("cell", { name: /^CANCELLED: / }).waitFor();
          await keep(page, "job");
          await accessible(page);
        },
      );

      await t.step(
        "jobs: a call of /v1 is listed while it runs, and can be cancelled",
        async () => {
          const reply = fetch(`${stack.url}/v1/completions`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: "slow", prompt: "w1", max_tokens: CONTEXT - 100 }),
          });
          await visit(page, "Jobs");
          const region = page.getByRole("region", { name: "Running jobs" });
          await region.getByRole("cell", { name: /^[1-9][\d,.]*$/ }).last().waitFor();
          await keep(page, "running");
          await accessible(page);
          await region.getByRole("button", { name: /^Cancel / }).click();
          await page.getByRole("button", { name: "Cancel the job" }).click();
          await region.waitFor({ state: "detached" });
          assert.equal((await reply).ok, false);
          await (await reply).body?.cancel();
        },
      );

      await t.step(
        "batches: how far they are, and a cancel that asks for confirmation",
        async () => {
          const endpoint = "/v1/completions";
          const short = { model: "demo", prompt: "a", max_tokens: 1 };
          const done = await ended(stack, await begin(stack, endpoint, [short, short]));
          const long = { model: "slow", prompt: "w1", max_tokens: CONTEXT - 100 };
          const { id } = await begin(stack, endpoint, [long]);
          await visit(page, "Batches");
          const table = page.getByRole("region", { name: "Batches" });
          const first = table.getByRole("row", { name: done.id });
          await first.getByText("2 of 2").waitFor();
          await first.getByText(done.output_file_id!).waitFor();
          assert.equal(await first.getByRole("button").count(), 0);
          await table.getByRole("row", { name: id }).getByText("running", { exact: true })
            .waitFor();
          await keep(page, "batches");
          await accessible(page);
          // All columns can be seen without scrolling.
          const cut = await table.evaluate((node: unknown) => {
            const { scrollWidth, clientWidth } = node as Record<string, number>;
            return scrollWidth! - clientWidth!;
          });
          assert.equal(cut, 0);
          await page.getByRole("button", { name: `Cancel ${id}` }).click();
          await page.getByRole("button", { name: "Cancel the batch" }).click();
          await table.getByRole("row", { name: id }).getByText("cancelled").waitFor();
        },
      );

      await t.step(
        "responses: those that are stored, a cancel, and a delete that asks",
        async () => {
          const respond = async (body: Record<string, unknown>) => {
            const reply = await fetch(`${stack.url}/v1/responses`, {
              method: "POST",
              body: JSON.stringify({ input: "w1", ...body }),
            });
            return (await reply.json()).id as string;
          };
          const done = await respond({ model: "demo", max_output_tokens: 1 });
          const max_output_tokens = CONTEXT - 1000;
          const running = await respond({ model: "slow", max_output_tokens, background: true });
          await visit(page, "Responses");
          const table = page.getByRole("region", { name: "Responses" });
          const first = table.getByRole("row", { name: done });
          await first.getByText(/^(?:done|cut short)$/).waitFor();
          assert.equal(await first.getByRole("button").count(), 1);
          await keep(page, "responses");
          await accessible(page);
          await page.getByRole("button", { name: `Cancel ${running}` }).click();
          await table.getByRole("row", { name: running }).getByText("cancelled").waitFor();
          await page.getByRole("button", { name: `Delete ${done}` }).click();
          await page.getByRole("button", { name: "Delete the response" }).click();
          await first.waitFor({ state: "detached" });
        },
      );

      await t.step("jobs: a waiting job shows why it waits", async () => {
        const ids = [await longJob(stack), await longJob(stack), await longJob(stack)];
        await visit(page, "Jobs");
        const row = page.getByRole("region", { name: "Waiting jobs" }).getByRole("row", {
          name: ids[2]!,
        });
        await row.getByText("every slot of the model is taken").waitFor();
        await accessible(page);
        for (const id of ids) await stack.client.call(routes.cancelTask, { params: { id } });
        await page.getByRole("region", { name: "Waiting jobs" }).waitFor({ state: "detached" });
      });

      await t.step("the timeline is the one that the command line prints", async () => {
        const { tasks } = await stack.client.call(routes.listTasks, { query: { limit: 1 } });
        const id = tasks[0]!.job_id;
        await page.goto(`${stack.url}/#/jobs/${id}`);
        await page.getByText(id, { exact: true }).waitFor();
        const table = page.getByRole("region", { name: "Timeline" });
        const rows = await table.locator("tbody tr").allInnerTexts();
        const { out } = await llorch(["orchestrator", "jobs", "show", id, "--url", stack.url]);
        const normalised = (text: string) => text.trim().replaceAll(/\s+/g, " ");
        const printed = normalised(out);
        assert.ok(rows.length >= 4);
        for (const row of rows) {
          assert.ok(printed.includes(normalised(row)), `${row} is not in ${out}`);
        }
      });

      await t.step("models: where they fit; pin, unpin, unload, load", async () => {
        await visit(page, "Models");
        const card = page.getByRole("article", { name: "Model markup" });
        const act = (name: string) =>
          card.getByRole("button", { name: `${name} markup`, exact: true }).click();
        await act("Pin");
        await card.getByText("pinned", { exact: true }).waitFor();
        await act("Unpin");
        await card.getByText("pinned", { exact: true }).waitFor({ state: "detached" });
        await act("Unload");
        await card.getByText("on disk", { exact: true }).waitFor();
        await card.getByText("fits", { exact: true }).waitFor();
        await act("Load");
        await card.getByText("loaded", { exact: true }).first().waitFor();
        await keep(page, "models");
        await accessible(page);
      });

      await t.step("a pool is drained after a confirmation, and returned to service", async () => {
        const pools = page.getByRole("region", { name: "Pools" });
        await page.getByRole("button", { name: "Drain local" }).click();
        await page.getByRole("button", { name: "Keep" }).click();
        const [pool] = (await stack.client.call(routes.pools, {})).pools;
        assert.equal(pool?.status, "available");
        await page.getByRole("button", { name: "Drain local" }).click();
        await page.getByRole("button", { name: "Drain the pool" }).click();
        await pools.getByText("drained", { exact: true }).waitFor();
        await page.getByRole("button", { name: "Return local to service" }).click();
        await pools.getByText("in service", { exact: true }).waitFor();
      });

      await t.step("a worker that is killed is seen without a reload", async () => {
        await run(stack.client, { model: "demo", prompt: "Once", max_tokens: 5 });
        await visit(page, "Overview");
        const worker = (await stack.workers()).find(({ state, model_ref }) =>
          state === "ready" && model_ref.endsWith("demo.gguf")
        )!;
        const cell = page.getByRole("cell", { name: worker.worker_id });
        await cell.waitFor();
        Deno.kill(worker.pid, "SIGKILL");
        const killedAt = performance.now();
        await cell.waitFor({ state: "detached" });
        const message = `Worker ${worker.worker_id} with demo on local has ended: it was killed`;
        await page.getByText(message).waitFor();
        console.log(`shown after ${Math.round(performance.now() - killedAt)} ms`);
        await keep(page, "overview");
      });

      await t.step("events: newest first, filtered by kind and text", async () => {
        await visit(page, "Events");
        const rows = page.getByRole("region", { name: "Events" }).locator("tbody tr");
        await page.getByLabel("What happened").selectOption("exit");
        assert.match(await rows.first().innerText(), /it was killed by SIGKILL/);
        await page.getByLabel("What happened").selectOption("");
        await page.getByLabel("Containing").fill("takes no new work");
        await rowsShown(page, 1);
        await page.getByLabel("Containing").fill("");
        await keep(page, "events");
        await accessible(page);
      });

      await t.step("keys: a key is created, shown once, and revoked", async () => {
        await visit(page, "Keys and limits");
        await page.getByLabel("Name").fill("<b>laptop</b>");
        await page.getByLabel("Tokens per day").fill("1000");
        await page.getByRole("button", { name: "Create key" }).click();
        const secret = await page.getByLabel("The key").innerText();
        assert.match(secret, /^llorch_[0-9a-f]{12}_[0-9a-f]{64}$/);
        await accessible(page);
        await page.getByRole("button", { name: "I have it" }).click();
        assert.ok(!(await page.content()).includes(secret));
        const row = page.getByRole("row", { name: "<b>laptop</b>" });
        await row.getByText("Tokens per day: 1,000").waitFor();
        await row.getByRole("button", { name: "Revoke" }).click();
        await page.getByRole("button", { name: "Revoke the key" }).click();
        await row.getByText("revoked").waitFor();
        await keep(page, "keys");
        await accessible(page);
      });

      await t.step(
        "keyboard users can skip to the content, and screen readers announce the page",
        async () => {
          await page.goto("about:blank");
          await page.goto(stack.url);
          await page.getByText("live", { exact: true }).waitFor();
          const focused = "document.activeElement.textContent";
          await page.keyboard.press("Tab");
          assert.equal(await page.evaluate(focused), "Skip to the content");
          await page.keyboard.press("Enter");
          assert.equal(await page.evaluate("document.activeElement.tagName"), "H1");
          assert.equal(await page.title(), "Overview · llorch");
          await visit(page, "Jobs");
          assert.equal(await page.evaluate(focused), "Jobs");
        },
      );

      await t.step("on a phone in dark mode, nothing is wider than the screen", async () => {
        const phone = await browser.open(stack.url, { width: 390, height: 800, scheme: "dark" });
        await phone.getByText("live", { exact: true }).waitFor();
        for (
          const name of ["Overview", "Jobs", "Batches", "Models", "Playground", "Events", "Keys"]
        ) {
          await visit(phone, name);
          await accessible(phone);
          const root = "document.documentElement";
          const wider = await phone.evaluate(`${root}.scrollWidth - ${root}.clientWidth`);
          assert.equal(wider, 0, name);
          await keep(phone, `phone_${name.toLowerCase()}`);
        }
      });

      await t.step("no page logged an error or violated the content security policy", () => {
        assert.deepEqual(browser.errors, []);
      });
    });
  });
  await Deno.remove(models, { recursive: true });
});
