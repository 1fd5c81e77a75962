import { createHash } from "node:crypto";
import { orchestratorRoutes as routes } from "#shared/contracts/mod.ts";
import { LlorchError } from "#shared/errors.ts";
import type { App } from "#shared/http/app.ts";
import script from "./assets/app.js" with { type: "text" };
import style from "./assets/app.css" with { type: "text" };
import icon from "./web/icon.svg" with { type: "text" };
import page from "./web/index.html" with { type: "text" };

/**
 * Nothing is loaded from other sites, and no inline script runs. So text of models and people stays text,
 * even if a page fails to escape it.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // data: for images and sounds of the playground's chat, which never leave the page's own memory.
  "img-src 'self' data:",
  "media-src data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A file as it is sent. */
interface File {
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
}

function file(text: string, type: string): File {
  const tag = createHash("sha256").update(text).digest("base64url").slice(0, 22);
  return {
    text,
    headers: {
      "content-type": `${type}; charset=utf-8`,
      "content-security-policy": POLICY,
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-cache",
      etag: `"${tag}"`,
      vary: "accept",
    },
  };
}

const PAGE = file(page, "text/html");

const FILES: ReadonlyMap<string, File> = new Map([
  ["app.js", file(script as unknown as string, "text/javascript")],
  ["app.css", file(style, "text/css")],
  ["icon.svg", file(icon, "image/svg+xml")],
]);

/** What Ollama says there: its clients ask for it to see whether it runs. */
const RUNNING = "Ollama is running";

/** Mounts the console: a page at `/` and its files. They need no token; people sign in on the page. */
export function mountConsole(app: App): void {
  app.mount(routes.consolePage, ({ request }) => {
    const isBrowser = (request.headers.get("accept") ?? "").includes("text/html");
    return isBrowser
      ? reply(PAGE, request)
      : new Response(RUNNING, { headers: { vary: "accept" } });
  });
  app.mount(routes.consoleFile, ({ params, request }) => {
    const found = FILES.get(params.file);
    if (found) return reply(found, request);
    throw new LlorchError("NOT_FOUND", `Cannot find the file "${params.file}" of the console`);
  });
}

function reply({ text, headers }: File, request: Request): Response {
  if (request.headers.get("if-none-match") !== headers["etag"]) {
    return new Response(text, { headers });
  }
  return new Response(null, { status: 304, headers });
}
