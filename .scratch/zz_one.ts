import { AnswerReader } from "../daemons/worker/answers/reader/reader.ts";
import { familyOf } from "../tests/conformance/models/run_case.ts";
const f = familyOf(Deno.readTextFileSync("/work/wt/llama.cpp/models/templates/" + Deno.args[0]));
const tools = new Map([["run_in_terminal", { type: "object", properties: { command: { type: "string" } } }]]);
const r = new AnswerReader(f.syntax, { tools, promptEnd: "<think>\n", isSingle: true, splitsThoughts: true });
for (const t of JSON.parse(Deno.args[1]!)) { console.log(JSON.stringify(t), r.push(t), r.state); }
console.log(r.end(false));
