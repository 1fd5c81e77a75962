import assert from "node:assert/strict";
import { explainGitFailure, hideSecrets } from "./failure.ts";

/** Our message for git's stderr. */
function explain(stderr: string): string {
  return explainGitFailure({ args: ["fetch", "--progress"], cwd: "/w", code: 128, stderr }).message;
}

/** Recorded output of git 2.39 and OpenSSH 9.2, and the beginning of our message. */
const RECORDED: readonly (readonly [stderr: string, sentence: string])[] = [
  [
    "fatal: not a git repository (or any of the parent directories): .git\n",
    "Cannot find a git repository in or above /w:",
  ],
  [
    "ssh: Could not resolve hostname nohost.invalid: Name or service not known\nfatal: Could not read from remote repository.\n",
    "Cannot find the host nohost.invalid:",
  ],
  [
    "fatal: unable to access 'https://h.invalid/x/': Could not resolve host: h.invalid\n",
    "Cannot find the host h.invalid:",
  ],
  [
    "ssh: connect to host 10.0.0.9 port 22: No route to host\nfatal: Could not read from remote repository.\n",
    "Cannot reach 10.0.0.9:",
  ],
  [
    "fatal: unable to access 'http://127.0.0.1:1/x/': Failed to connect to 127.0.0.1 port 1 after 0 ms: Couldn't connect to server\n",
    "Cannot reach 127.0.0.1:",
  ],
  [
    "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n",
    "The host refuses access:",
  ],
  [
    "git@github.com: Permission denied (publickey).\r\nfatal: Could not read from remote repository.\n",
    "The host refuses access:",
  ],
  [
    "Host key verification failed.\r\nfatal: Could not read from remote repository.\n",
    "Cannot trust the host:",
  ],
  [
    "fatal: '/srv/none' does not appear to be a git repository\nfatal: Could not read from remote repository.\n",
    "Cannot find the repository /srv/none:",
  ],
  [
    "fatal: repository 'https://ada:secret@example.org/none.git/' not found\n",
    "Cannot find the repository https://example.org/none.git/:",
  ],
  [
    "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n",
    "Cannot write: the disk is full;",
  ],
  [
    "fatal: could not create leading directories of '/ro/x': Read-only file system\n",
    "Cannot write /ro/x:",
  ],
  [
    "fatal: Unable to create '/w/.git/index.lock': File exists.\n\nAnother git process seems to be running\n",
    "Another git process is at work here: wait for it, or remove /w/.git/index.lock",
  ],
  [
    "fatal: detected dubious ownership in repository at '/w'\nTo add an exception\n",
    "Cannot use the repository /w, which belongs to someone else:",
  ],
  [
    "fatal: this operation must be run in a work tree\n",
    "Cannot work in /w: there are only git's own files (inside .git, or in a bare repository)",
  ],
  [
    `error: Server does not allow request for unadvertised object ${"a".repeat(40)}\n`,
    `Cannot fetch the commit ${"a".repeat(40)}: its remote does not have it;`,
  ],
  [
    `fatal: remote error: upload-pack: not our ref ${
      "b".repeat(40)
    }\nfatal: Fetched in submodule path 'lib', but it did not contain ${
      "b".repeat(40)
    }. Direct fetching of that commit failed.\n`,
    `Cannot fetch the commit ${"b".repeat(40)}: its remote does not have it;`,
  ],
  [
    "fatal: http://127.0.0.1:1/x.git/info/refs not valid: is this a git repository?\n",
    "Cannot find a git repository at http://127.0.0.1:1/x.git:",
  ],
  [
    "fatal: could not create work tree dir '/proc/x': No such file or directory\n",
    "Cannot make the folder /proc/x:",
  ],
  [
    "error: The following untracked working tree files would be overwritten by merge:\n\ta b.txt\nPlease move\n",
    "A file of your own is in the way: move a b.txt elsewhere",
  ],
];

Deno.test("explainGitFailure() says what went wrong and what to do", () => {
  for (const [stderr, sentence] of RECORDED) {
    const actual = explain(stderr);
    assert.ok(actual.startsWith(sentence), `${actual}\n${sentence}`);
    assert.ok(!actual.includes("\n"), actual);
  }
});

Deno.test("explainGitFailure() repeats the first line of an unknown error", () => {
  const stderr = "warning: x\nfatal: something at https://ada:secret@h/x\nfatal: and more\n";
  assert.equal(explain(stderr), "git fetch failed: something at https://h/x");
  assert.equal(explain(""), "git fetch failed: it ended with code 128");
});

Deno.test("explainGitFailure() names the command, not an option before it", () => {
  const args = ["-c", "a.b=c", "--literal-pathspecs", "submodule", "update"];
  const failure = { args, cwd: "/w", code: 1, stderr: "fatal: odd\n" };
  assert.equal(explainGitFailure(failure).message, "git submodule failed: odd");
});

Deno.test("hideSecrets() removes names and passwords from addresses", () => {
  assert.equal(hideSecrets("https://ada:pw@example.org/x"), "https://example.org/x");
  assert.equal(hideSecrets("git@example.org:x"), "git@example.org:x");
});
