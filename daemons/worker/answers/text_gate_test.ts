import assert from "node:assert/strict";
import fc from "fast-check";
import { FakeEngine } from "../testing/fake_engine.ts";
import { type Release, TextGate } from "./text_gate.ts";

const bytes = new FakeEngine();
const pieceEngine = (list: readonly string[]) =>
  new FakeEngine({ bytes: (token) => [...new TextEncoder().encode(list[token])] });

function gateOf(engine: FakeEngine, stops: readonly string[] = []): TextGate {
  return new TextGate((ids) => engine.detokenize(ids), stops);
}

/** All releases of a gate for these ids, until a stop or the end. */
function runAll(gate: TextGate, ids: readonly number[]): { out: Release[]; stop?: string } {
  const out: Release[] = [];
  for (const id of ids) {
    const { release, stop } = gate.push(id);
    if (release) out.push(release);
    if (stop !== undefined) return { out, stop };
  }
  const rest = gate.flush();
  if (rest) out.push(rest);
  return { out };
}

Deno.test("TextGate lets whole characters through, with all of their tokens", () => {
  const gate = gateOf(bytes);
  const fox = [...new TextEncoder().encode("a🦊")];
  const { out } = runAll(gate, fox);
  assert.deepEqual(out, [{ text: "a", ids: fox.slice(0, 1) }, { text: "🦊", ids: fox.slice(1) }]);
});

Deno.test("TextGate shows a replacement character only for bytes that never become a character", () => {
  const gate = gateOf(bytes);
  assert.equal(gate.push(0xf0).release, undefined);
  assert.deepEqual(gate.push(0x41).release, { text: "\ufffdA", ids: [0xf0, 0x41] });
  assert.equal(gate.push(0xe2).release, undefined);
  assert.deepEqual(gate.flush(), { text: "\ufffd", ids: [0xe2] });
});

Deno.test("TextGate sends no half of a character where it is cut, nor its tokens", () => {
  const [f0, f1, f2] = new TextEncoder().encode("🦊");
  const gate = gateOf(bytes);
  assert.deepEqual(gate.push(0x61).release, { text: "a", ids: [0x61] });
  for (const byte of [f0!, f1!, f2!]) assert.equal(gate.push(byte).release, undefined);
  assert.equal(gate.flush(true), undefined);

  // The first token ends in the middle of a character.
  const pieces: readonly (readonly number[])[] = [[0x61, 0x62, f0!], [f1!], [f2!]];
  const engine = new FakeEngine({ bytes: (token) => pieces[token]! });
  const mixed = gateOf(engine);
  for (const token of [0, 1, 2]) assert.equal(mixed.push(token).release, undefined);
  assert.deepEqual(mixed.flush(true), { text: "ab", ids: [0] });

  // An attempt that replays the tokens of an earlier one sends none of them again.
  const resumed = gateOf(engine);
  resumed.replay(0);
  assert.equal(resumed.flush(true), undefined);
});

Deno.test("TextGate holds back whole tokens that may begin a stop string", () => {
  const gate = gateOf(pieceEngine(["see\nUs", "er", "er: no"]), ["\nUser: "]);
  assert.equal(gate.push(0).release, undefined);
  assert.deepEqual(gate.push(1), { release: undefined, stop: undefined });
  const two = gateOf(pieceEngine(["see\nUs", "er: no"]), ["\nUser: "]);
  two.push(0);
  assert.deepEqual(two.push(1), { release: { text: "see", ids: [0, 1] }, stop: "\nUser: " });
});

Deno.test("TextGate sends no text after a stop, nor an empty event for it", () => {
  const gate = gateOf(pieceEngine(["a", "STOP", "b"]), ["STOP"]);
  assert.deepEqual(gate.push(0).release, { text: "a", ids: [0] });
  assert.deepEqual(gate.push(1), { release: undefined, stop: "STOP" });
});

Deno.test("TextGate does not send text again that an earlier attempt has sent", () => {
  const gate = gateOf(pieceEngine(["a", "ab", "c"]), ["abc"]);
  assert.equal(gate.replay(0), false);
  assert.deepEqual(gate.push(1), { release: undefined, stop: undefined });
  assert.deepEqual(gate.push(0).release, { text: "ab", ids: [1] });
});

Deno.test("TextGate finds a stop string that began in the text of an earlier attempt", () => {
  const gate = gateOf(pieceEngine(["a", "bc"]), ["abc"]);
  gate.replay(0);
  assert.deepEqual(gate.push(1), { release: undefined, stop: "abc" });
});

Deno.test("TextGate collects tokens without text and sends them with the next text", () => {
  const gate = gateOf(pieceEngine(["", "x"]));
  assert.equal(gate.push(0).release, undefined);
  assert.deepEqual(gate.push(1).release, { text: "x", ids: [0, 1] });
});

const tokenText = fc.array(fc.constantFrom(0x61, 0x62, 0xc3, 0xa4, 0xf0, 0x9f, 0xa6, 0x8a), {
  maxLength: 40,
});
const stopList = fc.array(fc.constantFrom("ab", "aab", "ba", "äb", "🦊"), { maxLength: 2 });

Deno.test("TextGate lets exactly the text before the first stop through, whatever the tokens", () => {
  fc.assert(fc.property(tokenText, stopList, (ids, stops) => {
    const { out, stop: found } = runAll(gateOf(bytes, stops), ids);
    const text = out.map((release) => release.text).join("");
    for (const stop of stops) assert.equal(text.includes(stop), false);
    const whole = bytes.detokenize(ids);
    assert.ok(whole.startsWith(text));
    if (found === undefined) assert.equal(text, whole);
    const released = out.flatMap((release) => release.ids);
    assert.deepEqual(released, ids.slice(0, released.length));
  }));
});

Deno.test("TextGate continues after any event as if it had not been interrupted", () => {
  fc.assert(
    fc.property(tokenText, stopList, fc.nat(), (ids, stops, where) => {
      const whole = runAll(gateOf(bytes, stops), ids);
      const events = whole.out.slice(0, where % (whole.out.length + 1));
      const delivered = events.flatMap((release) => release.ids);
      const resumed = gateOf(bytes, stops);
      let stopped = false;
      for (const id of delivered) stopped = resumed.replay(id) || stopped;
      const rest = stopped ? [] : runAll(resumed, ids.slice(delivered.length)).out;
      const text = [...events, ...rest].map((release) => release.text).join("");
      assert.equal(text, whole.out.map((release) => release.text).join(""));
    }),
    { numRuns: 500 },
  );
});
