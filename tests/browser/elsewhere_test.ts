import { join } from "node:path";
import { accessible, browserTest, withBrowser } from "../support/browser.ts";
import { withService } from "../support/service.ts";

browserTest("the models page says where prompts go", async () => {
  const dir = await Deno.makeTempDir({ prefix: "llorch-models-" });
  try {
    await withService(join(dir, "none"), async ({ orchestratord }) => {
      await withBrowser(async (browser) => {
        const page = await browser.open(`${orchestratord.url}/#/models`);
        const card = (name: string) => page.getByRole("article", { name: `Model ${name}` });
        await card("far").getByText("Prompts leave this network: they go to gpu.example.org")
          .waitFor();
        await card("near").getByText("Prompts go to 192.168.1.20:1234").waitFor();
        await card("near").getByText("elsewhere", { exact: true }).first().waitFor();
        await accessible(page);
      });
    }, {
      poolManagerd: `[engines.cloud]
        url = "https://gpu.example.org"
        models = ["far"]
        [engines.mac]
        url = "http://192.168.1.20:1234/v1"
        models = ["near"]`,
    });
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});
