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

/** Paths where Chromium may be installed, in search order. */
const PATHS = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Path of the installed Chromium; undefined without one. */
export function chromiumPath(): string | undefined {
  return PATHS.find((path) => {
    try {
      return Deno.statSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Registers a test that needs a browser; it is skipped if none is installed. */
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

/**
 * Makes a page believe that its tab was hidden or shown again: a headless browser never does that
 * itself.
 */
export async function setHidden(page: Page, isHidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    const { document, Event } = globalThis as unknown as PageGlobals;
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

/** Globals of the page, for code that runs inside it. */
interface PageGlobals {
  readonly document: EventTarget;
  readonly Event: typeof Event;
}

/** Folder of the screenshots. */
const PICTURES = Deno.env.get("LLORCH_SCREENSHOTS") ?? join(ROOT, "dist/screenshots");

/** Saves a screenshot of a page, for people to look at. */
export async function keep(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

/** Checks a page with axe-core: it must have no serious or critical accessibility violation. */
export async function accessible(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate("axe.run()") as AxeResults;
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  const found = serious.map(({ id, help, nodes }) =>
    `${id}: ${help}: ${nodes.map(({ html }) => html).join(" | ")}`
  );
  assert.deepEqual(found, [], page.url());
}

/** Longest wait for anything on a page, in milliseconds; generous, as machines may be busy. */
const TIMEOUT_MS = 20_000;

/** Options of {@linkcode TestBrowser.open}. */
export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
}

/** A browser that collects the errors of its pages. */
export interface TestBrowser {
  /** Opens a page in a new context: it shares no cookies with other pages. */
  open(url: string, options?: PageOptions): Promise<Page>;
  /** Errors on the consoles of all pages, including violations of the content security policy. */
  readonly errors: readonly string[];
}

/**
 * Runs a test with a browser and closes the browser afterwards.
 *
 * @param names Host names that the browser takes for 127.0.0.1, as if DNS said so.
 */
export async function withBrowser(
  test: (browser: TestBrowser) => Promise<void>,
  names: readonly string[] = [],
): Promise<void> {
  const executablePath = chromiumPath();
  if (executablePath === undefined) throw new Error("There is no Chromium");
  const rules = names.map((name) => `MAP ${name} 127.0.0.1`).join(", ");
  const args = [
    // Chromium's sandbox does not work as root, as in a container.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    ...(names.length === 0 ? [] : [`--host-resolver-rules=${rules}`]),
  ];
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
