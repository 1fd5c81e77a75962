import assert from "node:assert/strict";
import { join } from "node:path";
import type { FakeHub } from "../support/fake_hub.ts";
import { LLORCH, llorch } from "../support/llorch.ts";
import { until } from "../support/stack.ts";
import { hasTerminal, onTerminal } from "../support/terminal.ts";
import {
  assertWhole,
  content,
  MIB,
  NAME,
  REF,
  type Stage,
  stage,
  WHOLE,
} from "./download_stage.ts";

Deno.test("models download continues after drops, stalls, 503 and 429", () =>
  stage({
    trouble({ server, start, before }) {
      if (server === "hub") {
        return before === 0 ? { status: 429, headers: { "retry-after": "0" } } : {};
      }
      if (start === 0) return { dropAfter: 3 * MIB };
      if (start === 8 * MIB) return { stallAfter: 2 * MIB };
      return start === 16 * MIB && before < 4 ? { status: 503 } : {};
    },
  }, async (at) => {
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 0, err);
    await assertWhole(at);
    for (const word of [/429/, /connection/, /No data came for 3 s/, /503/]) {
      assert.match(err, word);
    }
    const starts = at.hub.requests.map(({ start }) => start);
    assert.ok(starts.includes(3 * MIB) && starts.includes(10 * MIB), "nothing is fetched twice");
  }, { HF_HUB_DOWNLOAD_TIMEOUT: "3" }));

Deno.test("models download reads from a server without range support, also after a drop", () =>
  stage({
    trouble: ({ server, before }) =>
      server === "hub" ? {} : { noRanges: true, ...(before === 0 ? { dropAfter: 9 * MIB } : {}) },
  }, async (at) => {
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 0, err);
    await assertWhole(at);
    assert.equal(at.hub.requests.filter(({ server }) => server === "store").length, 2);
  }));

async function interrupted({ env, models }: Stage): Promise<void> {
  const [command, ...args] = LLORCH;
  const child = new Deno.Command(command!, {
    args: [...args, "models", "download", REF],
    env: { ...env, HF_HUB_DOWNLOAD_TIMEOUT: "60" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const size = () => {
    try {
      const [part] = Array.from(Deno.readDirSync(models)).filter(({ name }) =>
        name.endsWith(".incomplete")
      );
      return part === undefined ? 0 : Deno.statSync(join(models, part.name)).size;
    } catch {
      return 0;
    }
  };
  await until("the first part is on disk", () => size() >= 8 * MIB);
  const second = await llorch(["models", "download", REF], { env });
  assert.equal(second.code, 1);
  assert.match(second.err, /^llorch: Another llorch is downloading tiny\.gguf\S*: wait/m);
  child.kill("SIGINT");
  const { code, stderr } = await child.output();
  assert.equal(code, 130);
  assert.match(new TextDecoder().decode(stderr), /Interrupted: run the same command again/);
  assert.ok(size() >= 8 * MIB);
}

Deno.test("models download continues where Ctrl-C stopped it", async () => {
  let isSlow = true;
  await stage({
    trouble: ({ server, start }) =>
      isSlow && server === "store" && start >= 8 * MIB ? { stallAfter: 100 } : {},
  }, async (at) => {
    await interrupted(at);
    isSlow = false;
    const count = at.hub.requests.length;
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 0, err);
    assert.match(err, /Continuing at 8\.0 MiB/);
    await assertWhole(at);
    const later = at.hub.requests.slice(count).filter(({ server }) => server === "store");
    assert.ok(later.every(({ start }) => start >= 8 * MIB));
  });
});

Deno.test(`models download draws a bar on a terminal${hasTerminal ? "" : " (no python3)"}`, {
  ignore: !hasTerminal,
}, () =>
  stage({
    trouble: ({ server, start }) =>
      server === "store" && start >= 8 * MIB ? { stallAfter: 100 } : {},
  }, async ({ env }) => {
    const args = ["models", "download", REF];
    const patient = { ...env, HF_HUB_DOWNLOAD_TIMEOUT: "60" };
    const { code, text } = await onTerminal(
      args,
      { when: " tiny.gguf 40%", keys: "\x03" },
      patient,
    );
    assert.equal(code, 130);
    assert.match(text, /\r\[#{9} {15}\] tiny\.gguf 40% of 20\.0 MiB/);
    assert.ok(text.includes("\r\u001b[KInterrupted: run the same command again"), text);
  }));

Deno.test("models download starts again if the hub's file has changed since", async () => {
  let isSlow = true;
  await stage({
    files: { [NAME]: WHOLE },
    trouble: ({ server, start }) =>
      isSlow && server === "store" && start >= 8 * MIB ? { stallAfter: 100 } : {},
  }, async (at) => {
    await interrupted(at);
    isSlow = false;
    const other = content(2, 9 * MIB);
    at.hub.files[NAME] = other;
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 0, err);
    assert.match(err, /The hub has a different file now: dropping 8\.0 MiB of the earlier one/);
    await assertWhole(at, other);
  });
});

Deno.test("models download starts again if the file changes during the download", async () => {
  const other = content(3);
  let hub: FakeHub | undefined;
  await stage({
    files: { [NAME]: WHOLE },
    trouble({ server, start }) {
      if (server === "store" && start > 0 && hub) hub.files[NAME] = other;
      return {};
    },
  }, async (at) => {
    hub = at.hub;
    const { code, err } = await at.run("download", REF);
    assert.equal(code, 0, err);
    assert.match(err, /changed in the meantime: starting again/);
    await assertWhole(at, other);
  });
});
