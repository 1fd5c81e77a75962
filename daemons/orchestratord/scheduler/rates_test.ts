import assert from "node:assert/strict";
import { A, done, pool, progress, Run, submit, worker } from "../testing/scheduler.ts";
import { durationOf, firstTokenAfter } from "./rates.ts";

const sized = { fingerprint: A, tokensIn: 1, maxTokens: 11, speaks: true, delivered: 0 };

Deno.test("the duration of a job follows from its prompt, its max_tokens and what was measured", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]));
  assert.equal(durationOf(run.state, sized), undefined);
  run.at(0, submit("j1", 0, { maxTokens: 101, tokensIn: 10 }));
  run.at(200, progress("j1"));
  assert.equal(durationOf(run.state, sized), undefined, "one token has no rate");
  run.at(700, progress("j1", 51));
  assert.equal(durationOf(run.state, sized)?.mean, 200 + 10 * 10, "the rate of a running job");
  run.at(1200, done("j1", 101));
  assert.equal(durationOf(run.state, sized)?.mean, 200 + 10 * 10);
  assert.equal(firstTokenAfter(run.state, { fingerprint: A, tokensIn: 10 }), 200);
});

Deno.test("calls that generate nothing have times of their own, and change none of the others", () => {
  const run = new Run();
  run.at(0, pool([worker("w1", A)]), submit("call", 0, { speaks: false }));
  run.at(300, done("call", 0));
  assert.equal(durationOf(run.state, { ...sized, speaks: false })?.mean, 300);
  assert.equal(durationOf(run.state, sized), undefined);
});

Deno.test("what earlier attempts delivered is not generated again", () => {
  const run = new Run();
  const rates = { firstTokenMs: 100, tokensIn: 1, tokensOut: 101, answerTokens: 101 };
  const served = { ...rates, serviceMs: 1100, isCut: true, speaks: true };
  run.at(0, { kind: "history", fingerprint: A, served });
  assert.equal(durationOf(run.state, { ...sized, maxTokens: 101 })?.mean, 1100);
  assert.equal(durationOf(run.state, { ...sized, maxTokens: 101, delivered: 50 })?.mean, 600);
});
