import assert from "node:assert/strict";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { ROOT as TOKEN, withGuarded } from "../../daemons/orchestratord/testing/guarded.ts";
import { accessible, browserTest, keep, signIn, withBrowser } from "../support/browser.ts";

/** Names that would do harm in a page that treated them as markup. */
const HOSTILE = [
  `<img src=x onerror="window.pwned=1">`,
  `"><script>window.pwned=1</script>`,
  `javascript:window.pwned=1`,
  `{{constructor.constructor('window.pwned=1')()}}`,
];

browserTest("a key signs in, and the page offers only what its role may do", async () => {
  await withGuarded({}, async ({ url, key, pool }) => {
    await pool();
    const client = await key({ name: "laptop" });
    const operator = await key({ name: "op", role: "operator" });
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await page.getByLabel("API key").fill("wrong");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").getByText("This API key is not known").waitFor();
      await accessible(page);
      await keep(page, "sign_in");
      await signIn(page, client.secret);
      await page.getByText("laptop", { exact: true }).waitFor();
      assert.equal(await page.getByRole("link", { name: "Keys" }).count(), 0);
      await page.getByRole("link", { name: "Models" }).click();
      await page.getByRole("article", { name: "Model counter" }).waitFor();
      assert.equal(await page.getByRole("button", { name: /Load|Pin|Drain/ }).count(), 0);
      // Scripts cannot read the session's cookie, and the session survives a reload.
      assert.equal(await page.evaluate("document.cookie"), "");
      assert.equal(await page.evaluate("localStorage.length + sessionStorage.length"), 0);
      await page.reload();
      await page.getByText("laptop", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Sign out" }).click();
      await signIn(page, operator.secret);
      await page.getByRole("link", { name: "Keys" }).click();
      const row = page.getByRole("row", { name: "laptop" });
      await row.getByRole("button", { name: "Revoke" }).click();
      await page.getByRole("button", { name: "Revoke the key" }).click();
      await row.getByText("revoked").waitFor();
    });
  });
});

browserTest(
  "hostile names of models, devices and keys are shown and do nothing",
  async () => {
    await withGuarded({}, async ({ url, key, pool: open }) => {
      const pool = await open();
      const state = pool.state();
      const models = HOSTILE.map((name, index) => ({
        ...state.models[0]!,
        model_ref: name,
        aliases: [name],
        fingerprint: String(index).repeat(64),
      }));
      const devices = [{ ...state.devices[0]!, name: HOSTILE[0]! }];
      pool.state = () => ({ ...state, models_revision: 2, models, devices });
      await pool.register();
      for (const name of HOSTILE) await key({ name });
      const operator = await key({ name: "op", role: "operator" });
      await withBrowser(async (browser) => {
        const page = await browser.open(url);
        await signIn(page, operator.secret);
        const pages = page.getByRole("navigation", { name: "Pages" });
        for (const name of ["Models", "Playground", "Keys", "Jobs", "Events", "Overview"]) {
          await pages.getByRole("link", { name }).click();
          await page.getByRole("heading", { level: 1, name }).waitFor();
          if (name === "Models" || name === "Keys") {
            for (const hostile of HOSTILE) await page.getByText(hostile).first().waitFor();
          }
          if (name === "Models") {
            await page.getByRole("article").first().getByRole("button", { name: /^Pin/ }).click();
            await page.getByRole("status").getByText(/is pinned/).waitFor();
          }
          const bad = page.locator("main img, main script, main a[href^=javascript]");
          assert.equal(await bad.count(), 0);
          assert.equal(await page.evaluate("window.pwned"), undefined);
        }
        await page.goto(`${url}/#/jobs/${encodeURIComponent(HOSTILE[0]!)}`);
        await page.getByRole("alert").waitFor();
        assert.equal(await page.evaluate("window.pwned"), undefined);
      });
    });
  },
);

browserTest("names that turn text round or begin lines change nothing around them", async () => {
  await withGuarded({}, async ({ url, root, pool: open }) => {
    const pool = await open();
    const state = pool.state();
    const name = "\u202egnp.exe\nWorker w-1 is gone";
    const arabic = "نموذج";
    const named = (name: string, fingerprint: string) => ({
      ...state.models[0]!,
      model_ref: `file:/models/${name}.gguf`,
      aliases: [name],
      fingerprint,
    });
    const models = [named(name, "1".repeat(64)), named(arabic, "2".repeat(64))];
    pool.state = () => ({ ...state, models_revision: 2, models });
    await pool.register();
    for (const ref of [name, arabic]) await root.call(routes.pinModel, { params: { ref } });
    await withBrowser(async (browser) => {
      const page = await browser.open(url);
      await signIn(page, TOKEN);
      const shown = "\\u202egnp.exe\\nWorker w-1 is gone";
      const apart = (text: string) =>
        page.locator("main bdi").getByText(text, { exact: true }).first();
      for (const place of ["Overview", "Models", "Playground", "Events"]) {
        await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: place })
          .click();
        await page.getByRole("heading", { level: 1, name: place }).waitFor();
        if (place === "Playground") {
          await page.getByLabel("Model").getByRole("option", { name: shown }).waitFor({
            state: "attached",
          });
        } else {
          await apart(shown).waitFor();
          assert.equal(await apart(arabic).innerText(), arabic);
          assert.equal(
            await page.evaluate("getComputedStyle(document.querySelector('main bdi')).unicodeBidi"),
            "isolate",
          );
        }
        if (place === "Models") await keep(page, "names");
        const text = await page.evaluate("document.body.innerText") as string;
        assert.ok(!text.includes("\u202e"), place);
      }
      await page.getByText(`Model ${shown} is pinned: its workers stay loaded`).waitFor();
    });
  });
});

browserTest("a page of another site can neither read nor change anything", async () => {
  await withGuarded({}, async ({ url, key, pool }) => {
    await pool();
    const operator = await key({ name: "op", role: "operator" });
    const other = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => new Response("<h1>other</h1>", { headers: { "content-type": "text/html" } }),
    );
    try {
      await withBrowser(async (browser) => {
        const page = await browser.open(url);
        await signIn(page, operator.secret);
        // For the browser, which has the session's cookie, this is another site.
        await page.goto(`http://localhost:${other.addr.port}/`);
        const ask = (method: string, path: string, mode: string) =>
          page.evaluate(`fetch("${url}${path}", { method: "${method}", mode: "${mode}",
            credentials: "include" }).then((reply) => reply.text(), () => "refused")`);
        assert.equal(await ask("GET", "/v2/keys", "cors"), "refused");
        assert.equal(await ask("DELETE", `/v2/keys/${operator.key_id}`, "cors"), "refused");
        // This request may be sent, but its reply may not be read.
        assert.equal(await ask("POST", "/v2/pools/p1/drain", "no-cors"), "");
        await page.evaluate(`new Promise((done) => {
          const frame = Object.assign(document.createElement("iframe"), { name: "away", onload: done });
          const form = document.createElement("form");
          Object.assign(form, { method: "post", target: "away", action: "${url}/v2/pools/p1/drain" });
          document.body.append(frame, form);
          form.submit();
        })`);
        const authorization = `Bearer ${operator.secret}`;
        const reply = await fetch(`${url}/v2/pools`, { headers: { authorization } });
        assert.equal((await reply.json()).pools[0].status, "available");
      });
    } finally {
      await other.shutdown();
    }
  });
});
