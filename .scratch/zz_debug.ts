import { renderer } from "../tests/conformance/models/render.ts";
import { callTurn, FIRST, SECOND, TOOLS, USER } from "../daemons/worker/chat/probe.ts";
const source = Deno.readTextFileSync("/work/wt/llama.cpp/models/templates/" + Deno.args[0]);
const r = renderer(source);
for (const c of ["Say7It", "", null]) for (const t of [false, true]) for (const cs of [[FIRST], [FIRST, SECOND]]) {
  try { const x = r([USER, callTurn(cs, t, c)], TOOLS); console.log(c, t, JSON.stringify(x.split("Ask7Me").pop())); } catch (e) { console.log(c, t, String(e)); }
}
