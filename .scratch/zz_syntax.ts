import { findSyntax } from "../daemons/worker/chat/find_syntax.ts";
import { controlTokens, renderer } from "../tests/conformance/models/render.ts";
const dir = "/work/wt/llama.cpp/models/templates/";
for (const name of [...Deno.readDirSync(dir)].map((e) => e.name).filter((n) => n.endsWith(".jinja")).sort()) {
  if (Deno.args[0] && !name.includes(Deno.args[0])) continue;
  const source = Deno.readTextFileSync(dir + name);
  const t0 = performance.now();
  let count = 0;
  try {
    const render = renderer(source);
    const s = findSyntax((...a) => { count++; return render(...a); }, Deno.args[1] ? [] : controlTokens(source));
    const { marks: _, ...rest } = s;
    console.log("===", name, count, (performance.now() - t0).toFixed(0) + "ms");
    for (const [k, v] of Object.entries(rest)) console.log("  ", k, JSON.stringify(v));
  } catch (e) { console.log("===", name, "THROWS", e); }
}
