/**
 * A browser for tests: Debian's Chromium, driven by playwright-core.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import axe, { type AxeResults } from "axe-core";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { ROOT } from "./stack.ts";

/** Where Chromium is, in the order in which it is looked for. */
const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where a Chromium is; undefined where there is none. */
export function chromiumPath(): string | undefined {
  return PATHS.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** A test with a browser; it is skipped where there is none. */
export function browserTest(name: string, test: (t: Deno.TestContext) => Promise<void>): void {
  const isThere = chromiumPath() !== undefined;
  const reason = isThere ? "" : " (skipped: needs Debian's package chromium)";
  Deno.test({ name: name + reason, ignore: !isThere, fn: test });
}

/** Signs in with a key, and waits for the feed. */
export async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel("API key").fill(key);
  await page.keyboard.press("Enter");
  await page.getByText("live", { exact: true }).waitFor();
}

/** Tells a page that people look at another tab, or again at this one: nobody does without a screen. */
export async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    const { document, Event } = globalThis as unknown as PageGlobals;
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

/** What runs in the page, where there is a document. */
interface PageGlobals {
  readonly document: EventTarget;
  readonly Event: typeof Event;
}

/** Where pictures of pages are kept. */
const PICTURES = Deno.env.get("LLORCH_SCREENSHOTS") ?? join(ROOT, "dist/screenshots");

/** Keeps a picture of a page, for people to look at. */
export async function keep(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** Has axe-core look at a page: nothing that keeps people out may be found. */
export async function accessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate("axe.run()") as AxeResults;
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const words = serious.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`
  );
  assert.deepEqual(words, [], page.url());
}

/** The longest wait for anything on a page, in milliseconds: machines may be busy. */
const TIMEOUT_MS = 20_000;

/** How a page is opened. */
export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

/** A browser whose pages say when something is wrong with them. */
export interface TestBrowser {
  /** Opens a page of its own: without cookies of others. */
  open(url: string, options?: PageOptions): Promise<Page>;
  /** What pages wrote to their consoles as errors, policies that were broken among them. */
  readonly errors: readonly string[];
}

/** Runs a test with a browser, and ends it afterwards. */
export async function withBrowser(test: (browser: TestBrowser) => Promise<void>): Promise<void> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("There is no Chromium");
  // Root, as in a container, has no sandbox to give.
  const args = ["--no-sandbox", "--disable-dev-shm-usage"];
  const browser: Browser = await chromium.launch({ executablePath, args });
  const errors: string[] = [];
  const contexts: BrowserContext[] = [];
  try {
    await test({
      errors,
      async open(url, { width = 1280, height = 860, scheme = "light" } = {}) {
        const context = await browser.newContext({
          viewport: { width, height },
          colorScheme: scheme,
          permissions: ["clipboard-read", "clipboard-write"],
        });
        contexts.push(context);
        context.setDefaultTimeout(TIMEOUT_MS);
        const page = await context.newPage();
        page.on("console", (message) => {
          if (message.type() === "error") errors.push(`${page.url()}: ${message.text()}`);
        });
        page.on("pageerror", (error) => errors.push(`${page.url()}: ${error.stack}`));
        await page.goto(url);
        return page;
      },
    });
  } finally {
    for (const context of contexts) await context.close();
    await browser.close();
  }
}
