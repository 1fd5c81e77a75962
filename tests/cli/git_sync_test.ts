import assert from "node:assert/strict";
import { join } from "node:path";
import { makeClone, moveLib, type Repos, status, withRepos } from "../support/git_repos.ts";

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

Deno.test("git sync --force lists everything that it throws away", async () => {
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

Deno.test("git sync --force checks submodules first, whatever submodule.recurse is", async () => {
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

/** Replaces the submodule in `top` with ordinary files. */
async function replaceLib(repos: Repos) {
  await repos.git("top", "rm", "-qf", "lib");
  await Deno.mkdir(join(repos.dir, "top/lib"));
  await repos.write("top/lib", "a.txt", "ordinary");
  await repos.git("top", "add", "lib/a.txt");
  await repos.git("top", "commit", "-qm", "files for lib");
}

Deno.test("git sync --force lists the changes in a submodule that is replaced by files", async () => {
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
    assert.match(kept.err, /^llorch: lib has local work \(a\.txt\), and the upstream replaces/);
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

Deno.test("git sync replaces an unchanged submodule with files, and keeps a removed one", async () => {
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

Deno.test("git sync says how to finish or abort an unfinished operation", async () => {
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
    assert.match(alone.err, /no remote has a mine: git push --set-upstream origin mine creates it/);
  });
});

Deno.test("git sync does not overwrite changes that git ignores by assume-unchanged", async () => {
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
        /^llorch: Git is set to ignore your changes of a\.txt, .* git update-index --no-assume-unchanged a/,
      );
    }
    assert.equal(await repos.read("work", "a.txt"), "mine");
    assert.equal(await repos.read("work", "new.txt"), "untracked");
  });
});
