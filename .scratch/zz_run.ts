import { llamaCases } from "../tests/conformance/models/llama_cases.ts";
import { runCase } from "../tests/conformance/models/run_case.ts";
const dir = "/work/wt/llama.cpp/";
const cases = llamaCases(Deno.readTextFileSync(dir + "tests/test-chat.cpp"));
const filter = Deno.args[0] ?? "";
let pass = 0; const fails = new Map<string, number>(); 
for (const c of cases) {
  if (!c.template.includes(filter)) continue;
  let problem: string | undefined;
  try { problem = runCase(c, Deno.readTextFileSync(dir + "models/templates/" + c.template)); } catch (e) { problem = "THROWS " + (e as Error).stack; }
  if (problem === undefined) pass++;
  else { fails.set(c.template, (fails.get(c.template) ?? 0) + 1); console.log("FAIL", c.template, JSON.stringify(c.input).slice(0, 300), "\n    ", problem.slice(0, 900)); }
}
console.log(pass, "of", cases.filter((c) => c.template.includes(filter)).length); console.log(Object.fromEntries(fails));
