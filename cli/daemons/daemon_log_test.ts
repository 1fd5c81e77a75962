import assert from "node:assert/strict";
import { findListening, plainLines } from "./daemon_log.ts";

const LISTENING = '{"event":"listening","url":"http://127.0.0.1:8080","pid":7}';

Deno.test("findListening() reads pid and URL, with journald's prefix too", () => {
  const daemon = { pid: 7, url: "http://127.0.0.1:8080" };
  assert.deepEqual(findListening(`{"event":"opened"}\nnoise\n${LISTENING}\n`), daemon);
  assert.deepEqual(findListening(`<6>${LISTENING}\n`), daemon);
});

Deno.test("findListening() of a log without that line is undefined", () => {
  assert.equal(findListening(""), undefined);
  assert.equal(findListening(LISTENING.slice(0, -1)), undefined);
});

Deno.test("plainLines() are the lines that are not JSON", () => {
  assert.deepEqual(plainLines(`${LISTENING}\norchestratord: no\n\n`), ["orchestratord: no"]);
});
