/**
 * Real git repositories for tests: origins, a clone and submodules, in a separate home folder.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { llorch, type Ran, withHome } from "./llorch.ts";

/** Ignores the user's and the system's git settings, and allows submodules from local paths. */
const GIT_ENV: Record<string, string> = {
  LC_ALL: "C",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "Ada",
  GIT_AUTHOR_EMAIL: "ada@example.org",
  GIT_COMMITTER_NAME: "Ada",
  GIT_COMMITTER_EMAIL: "ada@example.org",
  GIT_CONFIG_COUNT: "2",
  GIT_CONFIG_KEY_0: "protocol.file.allow",
  GIT_CONFIG_VALUE_0: "always",
  GIT_CONFIG_KEY_1: "init.defaultBranch",
  GIT_CONFIG_VALUE_1: "main",
};

/** A folder with repositories. */
export interface Repos {
  /** The folder's real path (symbolic links resolved), as git prints it. */
  readonly dir: string;
  readonly env: Record<string, string>;
  /** Runs git in a repository and returns its output, without the final newline. */
  git(repository: string, ...args: string[]): Promise<string>;
  /** Writes a file, commits it and returns the commit's hash. */
  commit(repository: string, file: string, text: string): Promise<string>;
  write(repository: string, file: string, text: string): Promise<void>;
  read(repository: string, file: string): Promise<string>;
  /** Runs `llorch git …` in a repository. */
  llorch(repository: string, ...args: string[]): Promise<Ran>;
}

/** Runs a test in a folder for repositories. */
export async function withRepos(test: (repos: Repos) => Promise<void>): Promise<void> {
  await withHome(async (home, homeEnv) => {
    const dir = await Deno.realPath(home);
    const env = { ...homeEnv, ...GIT_ENV };
    const git: Repos["git"] = async (repository, ...args) => {
      const { code, stdout, stderr } = await new Deno.Command("git", {
        args,
        cwd: join(dir, repository),
        env,
        stdin: "null",
      }).output();
      assert.equal(code, 0, `git ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
      return new TextDecoder().decode(stdout).replace(/\n$/, "");
    };
    const write: Repos["write"] = (repository, file, text) =>
      Deno.writeTextFile(join(dir, repository, file), text);
    await test({
      dir,
      env,
      git,
      write,
      read: (repository, file) => Deno.readTextFile(join(dir, repository, file)),
      llorch: (repository, ...args) =>
        llorch(["git", ...args], { cwd: join(dir, repository), env }),
      async commit(repository, file, text) {
        await write(repository, file, text);
        await git(repository, "add", file);
        await git(repository, "commit", "-qm", `${file}: ${text}`);
        return await git(repository, "rev-parse", "HEAD");
      },
    });
  });
}

/** Makes a repository with one commit, for others to clone. */
export async function makeOrigin(repos: Repos, name: string): Promise<void> {
  await Deno.mkdir(join(repos.dir, name));
  await repos.git(name, "init", "-q");
  await repos.commit(name, "a.txt", "one");
}

/**
 * Makes the origins `lib` and `top`, with `lib` as a submodule of `top`, and `work`, a clone of
 * `top`.
 */
export async function makeClone(repos: Repos): Promise<void> {
  await makeOrigin(repos, "lib");
  await makeOrigin(repos, "top");
  await repos.git("top", "submodule", "--quiet", "add", `file://${repos.dir}/lib`, "lib");
  await repos.git("top", "commit", "-qm", "take lib in");
  await repos.git(".", "clone", "-q", "--recurse-submodules", `file://${repos.dir}/top`, "work");
}

/** Adds a commit to `lib` and records it in `top`; returns its hash. */
export async function moveLib(repos: Repos, text: string): Promise<string> {
  const commit = await repos.commit("lib", "a.txt", text);
  await repos.git("top/lib", "fetch", "-q");
  await repos.git("top/lib", "checkout", "-q", commit);
  await repos.git("top", "commit", "-qam", `lib: ${text}`);
  return commit;
}

/** The output of `llorch git status --json` in the clone. */
export async function status(repos: Repos) {
  const { code, out } = await repos.llorch("work", "status", "--json");
  assert.equal(code, 0);
  return JSON.parse(out);
}
