import assert from "node:assert/strict";
import { join } from "node:path";
import { LLORCH, llorch } from "../support/llorch.ts";
import {
  makeClone,
  makeOrigin,
  moveLib,
  type Repos,
  status,
  withRepos,
} from "../support/git_repos.ts";

/** State of the clone's submodule. */
async function submodule(repos: Repos) {
  const { out } = await repos.llorch("work", "submodules", "status", "--json");
  return JSON.parse(out).submodules[0];
}

/** A server that requires a password (401), or that serves no repository (200). */
function serve(status: 200 | 401): { readonly url: string } & Disposable {
  const answer = () =>
    new Response("<html>\n<p>hello</p>\n", { status, headers: { "www-authenticate": "Basic" } });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.dispose]: () => void server.shutdown(),
  };
}

Deno.test("git clone fetches the submodules too and prints its folder", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const cloned = await repos.llorch(".", "clone", `file://${repos.dir}/top/.git`);
    assert.equal(cloned.code, 1);
    assert.match(cloned.err, /Cannot clone into .*\/top: the folder exists and is not empty/);
    const { code, out, err } = await repos.llorch(".", "clone", `file://${repos.dir}/top`, "new");
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`^${repos.dir}/new\nlib: fetched → [0-9a-f]{7}\n$`));
    assert.equal(await repos.read("new/lib", "a.txt"), "one");
    const json = await repos.llorch(".", "clone", `file://${repos.dir}/lib`, "other", "--json");
    assert.equal(JSON.parse(json.out).branch, "main");
  });
});

Deno.test("git status counts what is staged, changed, untracked and conflicting", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const clean = await repos.llorch("work", "status");
    assert.match(clean.out, /^branch {7}main → origin\/main, up to date\ncommit {7}[0-9a-f]{7}\n/);
    assert.match(clean.out, /\nlib {8}[0-9a-f]{7} {2}\(detached\) {2}ok\n$/);

    await repos.git("work", "switch", "-qc", "side");
    await repos.commit("work", "a.txt", "side");
    await repos.git("work", "switch", "-q", "main");
    await repos.commit("work", "a.txt", "mine");
    await repos.commit("top", "b.txt", "theirs");
    await repos.git("work", "fetch", "-q");
    await repos.write("work", "new file\nwith a break", "x");
    await repos.write("work", "staged.txt", "x");
    await repos.git("work", "add", "staged.txt");
    await repos.write("work", "staged.txt", "y");
    await repos.write("work/lib", "a.txt", "dirty");
    const { branch, ahead, behind, staged, changed, untracked, conflicting, submodules } =
      await status(repos);
    assert.deepEqual(
      { branch, ahead, behind, staged, changed, untracked, conflicting },
      { branch: "main", ahead: 1, behind: 1, staged: 1, changed: 1, untracked: 1, conflicting: 0 },
    );
    assert.equal(submodules[0].dirty, 1);

    await repos.git("work", "rm", "-qf", "--cached", "staged.txt");
    await assert.rejects(repos.git("work", "merge", "-q", "side"));
    assert.equal((await status(repos)).conflicting, 1);
    const pulled = await repos.llorch("work", "pull");
    assert.equal(pulled.code, 1);
    assert.match(pulled.err, /^llorch: A merge is not finished \(a\.txt\): settle .*\n$/);
  });
});

Deno.test("git submodules distinguishes behind, ahead, dirty and missing ones", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const list = await repos.llorch("work", "submodules", "list");
    assert.match(
      list.out,
      /^submodule {2}recorded {2}url\nlib {8}[0-9a-f]{7} {3}file:\/\/.*lib\n$/,
    );
    const { detached, ahead, behind, dirty, missing, conflicting } = await submodule(repos);
    assert.deepEqual(
      { detached, ahead, behind, dirty, missing, conflicting },
      { detached: true, ahead: 0, behind: 0, dirty: 0, missing: false, conflicting: false },
    );

    await moveLib(repos, "two");
    await repos.git("work", "pull", "-q", "--no-recurse-submodules");
    await repos.write("work/lib", "b.txt", "untracked");
    let state = await submodule(repos);
    // The recorded commit was never fetched, so the distance to it is unknown.
    assert.deepEqual([state.behind, state.ahead, state.dirty], [null, null, 1]);
    await repos.git("work/lib", "fetch", "-q");
    await repos.git("work/lib", "switch", "-qc", "mine");
    await repos.commit("work/lib", "c.txt", "mine");
    state = await submodule(repos);
    assert.deepEqual([state.behind, state.ahead, state.detached], [1, 1, false]);
    const { out } = await repos.llorch("work", "submodules", "status");
    assert.match(out, /^lib {8}[0-9a-f]{7} {2}mine {4}behind 1, ahead 1, dirty \(1 file\)$/m);

    await repos.git("work", "submodule", "deinit", "-f", "-q", "lib");
    assert.equal((await submodule(repos)).missing, true);
    const updated = await repos.llorch("work", "submodules", "update");
    assert.equal(updated.code, 0, updated.err);
    assert.match(updated.out, /^lib: fetched → [0-9a-f]{7}\n$/);
    assert.equal(await repos.read("work/lib", "a.txt"), "two");
  });
});

Deno.test("git submodules shows a submodule with conflicting versions and does not change it", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await moveLib(repos, "theirs");
    await repos.git("work/lib", "config", "user.name", "Ada");
    await repos.commit("work/lib", "a.txt", "ours");
    await repos.git("work", "commit", "-qam", "lib: ours");
    await repos.git("work", "fetch", "-q");
    await assert.rejects(repos.git("work", "merge", "-q", "origin/main"));
    const { conflicting, recorded } = await submodule(repos);
    assert.deepEqual([conflicting, recorded], [true, null]);
    const updated = await repos.llorch("work", "submodules", "update");
    assert.equal(updated.code, 1);
    assert.match(updated.err, /^llorch: kept lib: its versions conflict: git add the one/);
    assert.equal(await repos.read("work/lib", "a.txt"), "ours");
  });
});

Deno.test("git pull moves the branch and its submodules forward", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await moveLib(repos, "two");
    await repos.commit("top", "b.txt", "new");
    const { code, out, err } = await repos.llorch("work", "pull");
    assert.equal(code, 0, err);
    assert.match(
      out,
      /^main: [0-9a-f]{7} → [0-9a-f]{7} \(2 new commits\)\nlib: [0-9a-f]{7} → [0-9a-f]{7}\n$/,
    );
    assert.equal(await repos.read("work/lib", "a.txt"), "two");
    assert.match((await repos.llorch("work", "pull")).out, /^main: up to date at [0-9a-f]{7}\n$/);
    assert.deepEqual(await repos.llorch("work", "pull", "-q"), { code: 0, out: "", err: "" });
  });
});

Deno.test("git pull refuses local changes and branches that have diverged", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.commit("top", "a.txt", "theirs");
    await repos.write("work", "a.txt", "mine");
    const changed = await repos.llorch("work", "pull");
    assert.equal(changed.code, 1);
    assert.match(changed.err, /^llorch: There are local changes \(a\.txt\): commit or stash .*\n$/);
    // Sync stops before it would lose anything: here it can do nothing.
    const blocked = await repos.llorch("work", "sync");
    assert.equal(blocked.code, 1);
    assert.equal(
      blocked.err,
      "llorch: Local changes are in the way: commit or stash a.txt, then try again\n",
    );
    await repos.git("work", "commit", "-qam", "mine");
    for (const command of ["pull", "sync"]) {
      const diverged = await repos.llorch("work", command);
      assert.equal(diverged.code, 1);
      assert.match(diverged.err, /^llorch: main and origin\/main have diverged, 1 commits? here/);
    }
    assert.equal(await repos.read("work", "a.txt"), "mine");
    await repos.git("work", "switch", "-q", "--detach");
    assert.match(
      (await repos.llorch("work", "pull")).err,
      /no branch is checked out; run git switch/,
    );
  });
});

Deno.test("git keeps going around a submodule whose repository is damaged, and names it", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await Deno.rename(join(repos.dir, "work/.git/modules/lib"), join(repos.dir, "gone"));
    const { branch, submodules } = await status(repos);
    assert.deepEqual([branch, submodules[0].broken], ["main", true]);
    const synced = await repos.llorch("work", "sync");
    assert.equal(synced.code, 1);
    assert.match(synced.err, /^llorch: kept lib: its repository is damaged: move lib elsewhere, /);
    await Deno.remove(join(repos.dir, "work/lib/.git"));
    const files = await repos.llorch("work", "submodules", "update");
    assert.match(files.err, /^llorch: kept lib: files of your own are in its place: move lib /);
  });
});

Deno.test("git names a commit that a submodule's remote does not have", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const ahead = await repos.commit("top/lib", "x.txt", "never pushed");
    await repos.git("top", "commit", "-qam", "lib: ahead");
    const { code, err } = await repos.llorch("work", "sync");
    assert.equal(code, 1);
    assert.match(
      err,
      new RegExp(
        `^llorch: kept lib: Cannot fetch the commit ${ahead}: its remote does not have it`,
      ),
    );
  });
});

Deno.test("git submodules reset needs --force if changes would be lost", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.write("work/lib", "new.txt", "mine");
    const refused = await repos.llorch("work", "submodules", "reset", "lib");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^llorch: lib has local changes or commits on no branch: see/);
    const reset = await repos.llorch("work", "submodules", "reset", "--force", "lib", "--json");
    assert.equal(reset.err, "llorch: thrown away: lib: file new.txt\n");
    assert.deepEqual(JSON.parse(reset.out).lost[0].untracked, ["new.txt"]);
    assert.equal((await submodule(repos)).dirty, 0);
    const unknown = await repos.llorch("work", "submodules", "reset", "no");
    assert.equal(unknown.err, `llorch: Cannot find the submodule "no": there is lib\n`);
  });
});

Deno.test("git submodules branch creates a branch, or uses an existing one", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const made = await repos.llorch("work", "submodules", "branch", "mine");
    assert.deepEqual(made, { code: 0, out: "lib: new branch mine\n", err: "" });
    assert.equal((await submodule(repos)).branch, "mine");
    await repos.git("work/lib", "switch", "-q", "--detach");
    const loose = await repos.commit("work/lib", "a.txt", "loose");
    const kept = await repos.llorch("work", "submodules", "branch", "mine");
    assert.equal(kept.code, 1);
    assert.match(kept.err, new RegExp(`commits here are on no branch \\(${loose.slice(0, 7)}`));
    const bad = await repos.llorch("work", "submodules", "branch", "no..name");
    assert.match(bad.err, /^llorch: Cannot name a branch "no\.\.name": no blanks, no "\.\.", /);
  });
});

Deno.test("git clone that is interrupted ends at once and leaves nothing", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await withRepos(async ({ dir, env }) => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = silent.addr as Deno.NetAddr;
    const [command, ...args] = LLORCH;
    const url = `http://127.0.0.1:${port}/x.git`;
    const process = new Deno.Command(command!, {
      args: [...args, "git", "clone", url, "new"],
      cwd: dir,
      env,
      stdin: "null",
      stderr: "null",
    }).spawn();
    using connection = await silent.accept();
    process.kill("SIGINT");
    assert.equal((await process.status).code, 130);
    // Git's helper process has ended too: it has closed its connection.
    const rest = new Uint8Array(65_536);
    while (await connection.read(rest).catch(() => null) !== null);
    await assert.rejects(Deno.stat(join(dir, "new")), Deno.errors.NotFound);
  });
});

Deno.test("git reports each failure in one sentence", async () => {
  await withRepos(async (repos) => {
    await makeOrigin(repos, "work");
    const refused = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = refused.addr as Deno.NetAddr;
    refused.close();
    using guarded = serve(401);
    using website = serve(200);
    const cases: [string[], RegExp][] = [
      [["clone", "http://host.invalid/x.git"], /^llorch: Cannot find the host host\.invalid: /],
      [["clone", `http://127.0.0.1:${port}/x.git`], /^llorch: Cannot reach 127\.0\.0\.1: /],
      [["clone", `${guarded.url}/x.git`], /^llorch: The host refuses access: /],
      [["clone", `${website.url}/x.git`], /^llorch: Cannot find a git repository at http.*:.*\n/],
      [["clone", `file://${repos.dir}/work`, "/proc/x"], /^llorch: Cannot make the folder \/proc/],
      [["clone", `file://${repos.dir}/none`], /^llorch: Cannot find the repository \/.*none: /],
      [["pull"], /^llorch: Cannot bring main up to date: it follows no branch; run git remote add/],
    ];
    for (const [args, sentence] of cases) {
      const { code, err } = await repos.llorch("work", ...args);
      assert.equal(code, 1);
      assert.match(err, sentence);
      assert.equal(err.split("\n").length, 2, err);
    }
    const own = await repos.llorch("work/.git", "status");
    assert.match(own.err, /^llorch: Cannot work in \/.*: there are only git's own files .*\n$/);
    await repos.git(".", "init", "-q", "empty");
    const empty = await repos.llorch("empty", "sync");
    assert.match(empty.err, /it has no commit yet; make one, or get another repository with /);
    const outside = await repos.llorch(".", "status");
    assert.match(outside.err, /^llorch: Cannot find a git repository in or above \/.*\n$/);
    const env = { ...repos.env, PATH: join(repos.dir, "nothing") };
    const missing = await llorch(["git", "status"], { env, cwd: repos.dir });
    assert.equal(missing.err, "llorch: Cannot find git: install it, or put it on PATH\n");
  });
});
