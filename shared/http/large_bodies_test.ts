import assert from "node:assert/strict";
import { checkTexts, LargeBodies } from "./large_bodies.ts";

Deno.test("bodies have room for the bytes that came, not for those that are announced", () => {
  const bodies = new LargeBodies(() => ({ maxBytes: 100, maxOpenBytes: 120 }));
  assert.throws(() => bodies.begin(101), { code: "PAYLOAD_TOO_LARGE" });
  const idle = Array.from({ length: 10 }, () => bodies.begin(100));
  assert.equal(bodies.openBytes, 0);
  const first = bodies.begin(100);
  first.grow(90);
  const second = bodies.begin(100);
  second.grow(20);
  assert.throws(() => second.grow(20), {
    code: "NOT_READY",
    message: /others have 90 bytes of the 120/,
  });
  first.giveBack();
  first.giveBack();
  assert.equal(bodies.openBytes, 20);
  second.grow(80);
  idle.forEach(({ giveBack }) => giveBack());
  second.giveBack();
  assert.equal(bodies.openBytes, 0);
});

Deno.test("a body that alone is larger than the room is taken", () => {
  const bodies = new LargeBodies(() => ({ maxBytes: 1000, maxOpenBytes: 10 }));
  const only = bodies.begin(1000);
  only.grow(600);
  only.grow(400);
  assert.throws(() => bodies.begin(20).grow(20), { code: "NOT_READY" });
});

Deno.test("only images may make a body large, in the shape of any API", () => {
  const long = "a".repeat(1000);
  const images = [
    { messages: [{ content: [{ image_url: { url: `data:image/png;base64,${long}` } }] }] },
    { messages: [{ content: [{ source: { type: "base64", data: long } }] }] },
    { messages: [{ images: [long] }] },
  ];
  for (const body of images) checkTexts(body, JSON.stringify(body).length, 200);
  const texts = { messages: [{ content: long }], images: [] };
  assert.throws(() => checkTexts(texts, 1100, 200), { code: "PAYLOAD_TOO_LARGE" });
});
