import assert from "node:assert/strict";
import { UsageError } from "#shared/lifecycle.ts";
import { offerDownload } from "./download.ts";

/** Offers "small", which the catalog has, or another model. */
async function offer(
  { model = "small", isYes = false, isTerminal = false, answer = false, code = 0 },
) {
  const asked: string[] = [];
  const ran: string[] = [];
  const downloaded = offerDownload(
    model,
    { dir: "/models", isYes, say: () => {}, signal: new AbortController().signal },
    {
      isTerminal,
      query: ([, , name]) => {
        const facts = { installed: false, reference: "hf:a/b", size_bytes: 2 ** 30 };
        const isKnown = name === "small";
        const stdout = isKnown ? JSON.stringify(facts) : "";
        return Promise.resolve({ code: isKnown ? 0 : 1, stdout, stderr: "" });
      },
      run: (args) => {
        ran.push(args.join(" "));
        return Promise.resolve(code);
      },
      ask: (question) => {
        asked.push(question);
        return Promise.resolve(answer);
      },
    },
  );
  return { downloaded: await downloaded, asked, ran };
}

const QUESTION = 'The model "small" is not on this machine. Download it (1.0 GiB) to /models?';
const DOWNLOAD = "models download small --dir /models";

Deno.test("offerDownload() asks at a terminal", async () => {
  const yes = await offer({ isTerminal: true, answer: true });
  assert.deepEqual(yes, { downloaded: true, asked: [QUESTION], ran: [DOWNLOAD] });
  const no = await offer({ isTerminal: true });
  assert.deepEqual(no, { downloaded: false, asked: [QUESTION], ran: [] });
});

Deno.test("offerDownload() does not ask with --yes", async () => {
  const given = await offer({ isYes: true });
  assert.deepEqual(given, { downloaded: true, asked: [], ran: [DOWNLOAD] });
});

Deno.test("offerDownload() says the command if nobody can be asked", async () => {
  await assert.rejects(offer({}), (error) => {
    assert.ok(error instanceof UsageError);
    assert.equal(
      error.message,
      'Cannot find the model "small" in /models: llorch models download small --dir /models ' +
        "fetches it (1.0 GiB), or give --yes",
    );
    return true;
  });
});

Deno.test("offerDownload() fails if the download does", async () => {
  await assert.rejects(offer({ isYes: true, code: 1 }), /Cannot download "small": llorch models/);
});

Deno.test("offerDownload() offers nothing that the catalog does not have", async () => {
  const other = await offer({ model: "other", isYes: true });
  assert.deepEqual(other, { downloaded: false, asked: [], ran: [] });
});
