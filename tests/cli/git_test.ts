import assert from "node:assert/strict";
import { join } from "node:path";
import { LLORCH, llorch } from "../support/llorch.ts";
import { makeClone, makeOrigin, moveLib, type Repos, withRepos } from "../support/git_repos.ts";

/** What `llorch git status --json` says of the clone. */
async function status(repos: Repos) {
  const { code, out } = await repos.llorch("work", "status", "--json");
  assert.equal(code, 0);
  return JSON.parse(out);
}

/** How the submodule of the clone stands. */
async function submodule(repos: Repos) {
  const { out } = await repos.llorch("work", "submodules", "status", "--json");
  return JSON.parse(out).submodules[0];
}

/** A server that lets nobody in, or that has something else than repositories. */
function serve(status: 200 | 401): { readonly url: string } & Disposable {
  const answer = () =>
    new Response("<html>\n<p>hello</p>\n", { status, headers: { "www-authenticate": "Basic" } });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.dispose]: () => void server.shutdown(),
  };
}

Deno.test("git clone brings the submodules along and names its folder", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const cloned = await repos.llorch(".", "clone", `file://${repos.dir}/top/.git`);
    assert.equal(cloned.code, 1);
    assert.match(cloned.err, /Cannot clone into .*\/top: it is there already and not empty/);
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

Deno.test("git submodules tells behind, ahead, dirty and missing ones apart", async () => {
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
    // The recorded commit was never fetched: by how much it is behind nobody can tell.
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

Deno.test("git submodules shows one whose versions conflict and touches nothing of it", async () => {
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
    // Sync goes as far as it can without losing anything: here not at all.
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
    assert.match((await repos.llorch("work", "pull")).err, /no branch is checked out; git switch/);
  });
});

Deno.test("git sync keeps local changes, files in the way, and work in submodules", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.write("work", "a.txt", "mine");
    await repos.commit("top", "b.txt", "theirs");
    const synced = await repos.llorch("work", "sync");
    assert.equal(synced.code, 0, synced.err);
    assert.equal(await repos.read("work", "a.txt"), "mine");
    assert.equal(await repos.read("work", "b.txt"), "theirs");

    await repos.commit("top", "c.txt", "theirs");
    await repos.write("work", "c.txt", "mine, ignored");
    await repos.write("work/.git/info", "exclude", "c.txt\n");
    const blocked = await repos.llorch("work", "sync");
    assert.equal(blocked.code, 1);
    assert.match(blocked.err, /A file of your own is in the way: move c\.txt elsewhere/);
    assert.equal(await repos.read("work", "c.txt"), "mine, ignored");
    await Deno.remove(join(repos.dir, "work/c.txt"));

    await moveLib(repos, "two");
    const loose = await repos.commit("work/lib", "d.txt", "mine");
    const kept = await repos.llorch("work", "sync", "--json");
    assert.equal(kept.code, 1);
    assert.equal(
      kept.err,
      `llorch: kept lib: a commit on no branch, ${loose.slice(0, 7)} d.txt: mine\n`,
    );
    assert.equal(JSON.parse(kept.out).submodules.kept[0].path, "lib");
    assert.equal(await repos.git("work/lib", "rev-parse", "HEAD"), loose);
  });
});

Deno.test("git sync keeps an ignored file that a submodule's next commit would overwrite", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.commit("lib", "b.txt", "theirs");
    await moveLib(repos, "two");
    await repos.write("work/lib", "b.txt", "mine, ignored");
    await repos.write("work/.git/modules/lib/info", "exclude", "b.txt\n");
    const kept = await repos.llorch("work", "sync");
    assert.equal(kept.code, 1);
    assert.equal(kept.err, "llorch: kept lib: a file of your own is in the way: b.txt\n");
    assert.equal(await repos.read("work/lib", "b.txt"), "mine, ignored");
    const forced = await repos.llorch("work", "sync", "--force");
    assert.equal(forced.code, 0, forced.err);
    assert.equal(forced.err, "llorch: thrown away: lib: file b.txt\n");
    assert.equal(await repos.read("work/lib", "b.txt"), "theirs");
  });
});

Deno.test("git sync --force names everything that it throws away", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    const mine = await repos.commit("work", "e.txt", "mine");
    await repos.commit("top", "b.txt", "theirs");
    await repos.write("work", "a.txt", "changed");
    await repos.write("work", "new.txt", "untracked");
    await repos.write("work", "red\u001b[31m", "untracked");
    await repos.write("work", "b.txt", "mine, ignored");
    await repos.write("work/.git/info", "exclude", "b.txt\nkeep.txt\n");
    await repos.write("work", "keep.txt", "ignored");
    const loose = await repos.commit("work/lib", "d.txt", "mine");
    await repos.write("work/lib", "a.txt", "changed");
    const { code, out, err } = await repos.llorch("work", "sync", "--force", "--quiet");
    assert.equal(code, 0, err);
    assert.equal(out, "");
    assert.deepEqual(err.trim().split("\n"), [
      "llorch: thrown away: changes of a.txt",
      "llorch: thrown away: file new.txt",
      "llorch: thrown away: file red\\x1b[31m",
      "llorch: thrown away: file b.txt",
      `llorch: thrown away: commit ${mine} e.txt: mine`,
      "llorch: thrown away: lib: changes of a.txt",
      `llorch: thrown away: lib: commit ${loose} d.txt: mine`,
    ]);
    assert.equal(await repos.read("work", "b.txt"), "theirs");
    assert.equal(await repos.read("work", "keep.txt"), "ignored");
    const { ahead, behind, staged, changed, untracked, submodules } = await status(repos);
    assert.deepEqual([ahead, behind, staged, changed, untracked], [0, 0, 0, 0, 0]);
    assert.deepEqual([submodules[0].dirty, submodules[0].ahead], [0, 0]);
  });
});

Deno.test("git sync --force looks into submodules first, whatever submodule.recurse says", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.git("work", "config", "submodule.recurse", "true");
    await moveLib(repos, "two");
    const loose = await repos.commit("work/lib", "d.txt", "mine");
    await repos.write("work/lib", "a.txt", "changed");
    const { code, err } = await repos.llorch("work", "sync", "--force", "--quiet");
    assert.equal(code, 0, err);
    assert.deepEqual(err.trim().split("\n"), [
      "llorch: thrown away: lib: changes of a.txt",
      `llorch: thrown away: lib: commit ${loose} d.txt: mine`,
    ]);
    assert.equal(await repos.read("work/lib", "a.txt"), "two");
  });
});

/** In `top`, ordinary files take the place of the submodule. */
async function replaceLib(repos: Repos) {
  await repos.git("top", "rm", "-qf", "lib");
  await Deno.mkdir(join(repos.dir, "top/lib"));
  await repos.write("top/lib", "a.txt", "ordinary");
  await repos.git("top", "add", "lib/a.txt");
  await repos.git("top", "commit", "-qm", "files for lib");
}

Deno.test("git sync --force names the work in a submodule that files replace", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.write("work/.git/modules/lib/info", "exclude", "out/\n");
    const mine = await repos.commit("work/lib", "d.txt", "mine");
    await repos.write("work/lib", "a.txt", "changed");
    await repos.write("work/lib", "new.txt", "untracked");
    await Deno.mkdir(join(repos.dir, "work/lib/out"));
    await repos.write("work/lib/out", "x", "ignored");
    await replaceLib(repos);
    const kept = await repos.llorch("work", "sync");
    assert.equal(kept.code, 1);
    assert.match(kept.err, /^llorch: lib holds work of yours \(a\.txt\), and files take the sub/);
    assert.equal(await repos.read("work/lib", "a.txt"), "changed");
    const { code, err } = await repos.llorch("work", "sync", "--force", "--quiet");
    assert.equal(code, 0, err);
    assert.deepEqual(err.trim().split("\n"), [
      "llorch: thrown away: lib: changes of a.txt",
      "llorch: thrown away: lib: file new.txt",
      "llorch: thrown away: lib: file out/",
      `llorch: thrown away: lib: commit ${mine} d.txt: mine`,
    ]);
    assert.equal(await repos.read("work/lib", "a.txt"), "ordinary");
    assert.equal(await repos.git("work", "status", "--porcelain", "--ignored"), "");
    const commit = await repos.git(
      "work",
      "--git-dir=.git/modules/lib",
      "log",
      "-1",
      "--format=%s",
      mine,
    );
    assert.equal(commit, "d.txt: mine");
  });
});

Deno.test("git sync follows where files replace a submodule without work, and keeps a removed one", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await replaceLib(repos);
    const synced = await repos.llorch("work", "sync");
    assert.equal(synced.code, 0, synced.err);
    assert.equal(await repos.read("work/lib", "a.txt"), "ordinary");
  });
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.git("work", "config", "submodule.recurse", "true");
    await repos.write("work/lib", "a.txt", "changed");
    await repos.git("top", "rm", "-qf", "lib");
    await repos.git("top", "commit", "-qm", "no lib");
    const { code, err } = await repos.llorch("work", "sync", "--force");
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(await repos.read("work/lib", "a.txt"), "changed");
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

Deno.test("git says what a submodule's remote does not have", async () => {
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

Deno.test("git sync says how to end what is unfinished", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.commit("top", "a.txt", "theirs");
    await repos.commit("work", "a.txt", "mine");
    await repos.git("work", "fetch", "-q");
    await assert.rejects(repos.git("work", "rebase", "-q", "origin/main"));
    for (const command of [["pull"], ["sync"], ["sync", "--force"]]) {
      const { code, err } = await repos.llorch("work", ...command);
      assert.equal(code, 1);
      assert.match(
        err,
        /: a rebase is not finished; git rebase --continue, or git rebase --abort$/m,
      );
    }
    await repos.git("work", "rebase", "--abort");
    await repos.git("work", "switch", "-qc", "mine");
    const alone = await repos.llorch("work", "pull");
    assert.match(alone.err, /no remote has a mine: git push --set-upstream origin mine makes one/);
  });
});

Deno.test("git sync takes nothing that git was told to overlook", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.git("work", "update-index", "--assume-unchanged", "a.txt");
    await repos.write("work", "a.txt", "mine");
    await repos.write("work", "new.txt", "untracked");
    await repos.commit("top", "b.txt", "theirs");
    assert.equal((await repos.llorch("work", "sync")).code, 0);
    await repos.commit("top", "a.txt", "theirs");
    for (const command of [["sync"], ["sync", "--force"]]) {
      const { code, err } = await repos.llorch("work", ...command);
      assert.equal(code, 1);
      assert.match(
        err,
        /^llorch: Git overlooks your changes of a\.txt, .* git update-index --no-assume-unchanged a/,
      );
    }
    assert.equal(await repos.read("work", "a.txt"), "mine");
    assert.equal(await repos.read("work", "new.txt"), "untracked");
  });
});

Deno.test("git submodules reset needs --force where something would be lost", async () => {
  await withRepos(async (repos) => {
    await makeClone(repos);
    await repos.write("work/lib", "new.txt", "mine");
    const refused = await repos.llorch("work", "submodules", "reset", "lib");
    assert.equal(refused.code, 1);
    assert.match(refused.err, /^llorch: lib has local changes or commits on no branch: look/);
    const reset = await repos.llorch("work", "submodules", "reset", "--force", "lib", "--json");
    assert.equal(reset.err, "llorch: thrown away: lib: file new.txt\n");
    assert.deepEqual(JSON.parse(reset.out).lost[0].untracked, ["new.txt"]);
    assert.equal((await submodule(repos)).dirty, 0);
    const unknown = await repos.llorch("work", "submodules", "reset", "no");
    assert.equal(unknown.err, `llorch: Cannot find the submodule "no": there is lib\n`);
  });
});

Deno.test("git submodules branch makes a branch, or takes the one that is there", async () => {
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
    // Git's helper is gone too: it has hung up.
    const rest = new Uint8Array(65_536);
    while (await connection.read(rest).catch(() => null) !== null);
    await assert.rejects(Deno.stat(join(dir, "new")), Deno.errors.NotFound);
  });
});

Deno.test("git says in one sentence what went wrong", async () => {
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
      [["pull"], /^llorch: Cannot bring main up to date: it follows no branch; git remote add/],
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
