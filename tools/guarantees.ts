/**
 * Checks that every test that `docs/guarantees.md` names exists.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { report, ROOT } from "./repo.ts";

const PAGE = "docs/guarantees.md";

/** Links to tests whose file has no test of that name. */
export function missingTests(
  page: string,
  read: (path: string) => string | undefined,
): { readonly problems: string[]; readonly links: number } {
  const links = [...page.matchAll(/\[([^\]]+)\]\(([^)\s]+_test\.ts)\)/g)];
  const problems = links.flatMap(([, name = "", path = ""]) => {
    const text = read(path);
    if (text === undefined) return [`${PAGE}: there is no file ${path}`];
    return text.includes(name) ? [] : [`${PAGE}: ${path} has no test "${name}"`];
  });
  return { problems, links: links.length };
}

if (import.meta.main) {
  const read = (path: string) => {
    try {
      return Deno.readTextFileSync(join(ROOT, dirname(PAGE), path));
    } catch {
      return undefined;
    }
  };
  const { problems, links } = missingTests(Deno.readTextFileSync(join(ROOT, PAGE)), read);
  report(links === 0 ? [`${PAGE}: names no test`] : problems, `${links} guarantees`);
}
