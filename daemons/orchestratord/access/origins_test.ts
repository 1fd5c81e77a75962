import assert from "node:assert/strict";
import { APP_ORIGINS, isListedOrigin, isOriginEntry } from "./origins.ts";

Deno.test("an entry is a whole origin, the scheme of an app, null or *", () => {
  const entries = [
    ...APP_ORIGINS,
    "*",
    "null",
    "file://",
    "chrome-extension://",
    "chrome-extension://abcdefghijklmnop",
    "tauri://localhost",
    "http://localhost",
    "http://localhost:3000",
    "https://chat.example",
    "https://xn--bcher-kva.example:8443",
    "http://[::1]:3000",
  ];
  for (const entry of entries) assert.ok(isOriginEntry(entry), entry);
});

Deno.test("what no browser sends as an origin, and all of http, is no entry", () => {
  const wrong = [
    "",
    "app",
    "app:",
    "app:/",
    "App://",
    "://",
    "*://",
    "http://",
    "https://",
    "http://*",
    "https://*.example",
    "http://localhost/",
    "http://localhost:80",
    "https://chat.example:443",
    "https://Chat.example",
    "https://bücher.example",
    "https://user@chat.example",
    "https://chat.example/path",
    "http:localhost",
    "localhost",
    "localhost:3000",
    "app://x/",
    "app://x y",
    "app://*",
    "app://x,tauri://",
    "Null",
    "**",
  ];
  for (const entry of wrong) assert.ok(!isOriginEntry(entry), entry);
});

Deno.test("an origin is listed as a whole or by its scheme, never by a part of its host", () => {
  const listed = (origin: string, ...entries: string[]) => isListedOrigin(origin, entries);
  assert.ok(listed("app://obsidian.md", ...APP_ORIGINS));
  assert.ok(listed("tauri://localhost", ...APP_ORIGINS));
  assert.ok(listed("vscode-webview://1a2b3c", ...APP_ORIGINS));
  const others = [
    "null",
    "file://",
    "http://localhost",
    "http://localhost:3000",
    "https://app",
    "http://app://",
    "webapp://obsidian.md",
    "app:",
    "chrome-extension://abc",
    "http://tauri.localhost",
  ];
  for (const origin of others) assert.ok(!listed(origin, ...APP_ORIGINS), origin);
  for (const origin of ["null", "file://", "http://localhost"]) assert.ok(listed(origin, origin));
  assert.ok(listed("http://localhost:3000", "http://localhost:3000"));
  assert.ok(!listed("http://localhost:3000", "http://localhost"));
  assert.ok(!listed("http://localhost:30001", "http://localhost:3000"));
  assert.ok(!listed("https://chat.example.evil.example", "https://chat.example"));
  assert.ok(!listed("http://chat.example", "https://chat.example"));
  assert.ok(!listed("null", "file://"));
  for (const origin of ["null", "https://any.example", "app://x"]) assert.ok(listed(origin, "*"));
  assert.ok(!listed("app://obsidian.md"));
});
