import assert from "node:assert/strict";
import { LlorchError } from "#shared/errors.ts";
import { redirectTarget } from "./hub_http.ts";

const from = new URL("https://hub/org/repo/resolve/main/x.gguf");
const redirect = (location: string) => ({ status: 302, headers: new Headers({ location }) });

Deno.test("redirectTarget() follows redirects to https and to the same host", () => {
  assert.equal(redirectTarget(redirect("https://store/x"), from)?.href, "https://store/x");
  assert.equal(redirectTarget(redirect("/y"), from)?.href, "https://hub/y");
  assert.equal(redirectTarget({ status: 200, headers: new Headers() }, from), undefined);
});

Deno.test("redirectTarget() refuses less secure redirects without retry, and says what to check", () => {
  const cases: [string, RegExp][] = [
    ["http://store/x", /^hub redirects from https to http, where others .*: check HF_ENDPOINT, /],
    ["file:///etc/passwd", /^hub redirects to file:, not to http: check HF_ENDPOINT, /],
    ["https://", /^hub redirects to no address: check/],
  ];
  for (const [location, message] of cases) {
    assert.throws(() => redirectTarget(redirect(location), from), (error) => {
      assert.ok(error instanceof LlorchError);
      assert.match(error.message, message);
      assert.equal(error.retriable, false);
      return true;
    });
  }
});
