import { relative } from "node:path";
import { isTestCode } from "../parts.ts";
import { ROOT } from "../repo.ts";

const MESSAGE = "Cannot follow a computed import: tools/boundaries.ts sees literal ones alone";

/**
 * Files that may import a computed path: the engine's package does not export its binding test, so
 * only the path names it.
 */
const EXCEPTIONS: ReadonlySet<string> = new Set(["daemons/worker/main.ts"]);

/** Refuses `import(expression)` in production code, so that the module graph is complete. */
const plugin: Deno.lint.Plugin = {
  name: "llorch",
  rules: {
    "literal-import": {
      create(context) {
        const file = relative(ROOT, context.filename).replaceAll("\\", "/");
        if (isTestCode(file) || EXCEPTIONS.has(file)) return {};
        return {
          ImportExpression(node) {
            if (node.source.type !== "Literal") context.report({ node, message: MESSAGE });
          },
        };
      },
    },
  },
};

export default plugin;
