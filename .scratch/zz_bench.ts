import { AnswerReader } from "../daemons/worker/answers/reader/reader.ts";
import { familyOf } from "../tests/conformance/models/run_case.ts";
import { findSyntax } from "../daemons/worker/chat/find_syntax.ts";
import { controlTokens, renderer } from "../tests/conformance/models/render.ts";
const dir = "/work/wt/llama.cpp/models/templates/";
const tools = new Map(Array.from({ length: Number(Deno.args[0] ?? 10) }, (_, i) => [`tool_${i}`, { type: "object", properties: { text: { type: "string" } } }]));
const words = "The quick brown fox jumps over the lazy dog, and <b>then</b> it rests.\n".match(/\s?\S+/g)!;
function bench(name: string, template: string, pieces: string[], promptEnd = "") {
  const f = familyOf(Deno.readTextFileSync(dir + template));
  let best = Infinity, steps = 0;
  for (let r = 0; r < 5; r++) {
    const reader = new AnswerReader(f.syntax, { tools, promptEnd, isSingle: false, splitsThoughts: true });
    const t0 = performance.now(); let n = 0;
    for (const p of pieces) n += reader.push(p).length;
    reader.end(false);
    best = Math.min(best, performance.now() - t0); steps = reader.steps.count;
  }
  console.log(name, template, pieces.length, "tokens", (best * 1000 / pieces.length).toFixed(2), "us/token", (steps / pieces.length).toFixed(1), "steps/token");
}
const N = 50000;
const text = Array.from({ length: N }, (_, i) => words[i % words.length]!);
bench("text", "Qwen-Qwen3-0.6B.jinja", text);
bench("thought", "Qwen-Qwen3-0.6B.jinja", text, "<think>\n");
const tok = (s: string) => s.match(/[\s\S]{1,4}/g)!;
bench("json call", "Qwen-Qwen3-0.6B.jinja", ['<tool_call>', '\n{"name": "', 'tool_3', '", "arguments": {"text": "', ...text.map((t) => t.replace(/\n/g, "\\n")), '"}}', "</tool_call>"]);
bench("tagged call", "Qwen3-Coder.jinja", ["<tool_call>", "\n<function=", "tool_3", ">\n", "<parameter=text>\n", ...text, "\n</parameter>\n</function>\n</tool_call>"]);
bench("python call", "LFM2-8B-A1B.jinja", ["<|tool_call_start|>[tool_3(text=\"", ...text.map((t) => t.replace(/\n/g, "\\n")), '")]<|tool_call_end|>']);
bench("gemma call", "google-gemma-4-31B-it.jinja", ["<|tool_call>call:tool_3{text:<|\"|>", ...text, '<|"|>}<tool_call|>']);
bench("gpt-oss thought", "openai-gpt-oss-120b.jinja", ["<|channel|>analysis<|message|>", ...text], "<|start|>assistant");
bench("many calls", "Qwen-Qwen3-0.6B.jinja", Array.from({ length: 3000 }, () => tok('<tool_call>\n{"name": "tool_3", "arguments": {"text": "abc"}}\n</tool_call>\n')).flat());
bench("kimi header", "Kimi-K2-Thinking.jinja", ["<|tool_calls_section_begin|>", ...Array.from({ length: 3000 }, () => tok('<|tool_call_begin|>functions.tool_3:0<|tool_call_argument_begin|>{"text": "abc"}<|tool_call_end|>')).flat()]);
const times: [number, string, number][] = [];
for (const e of Deno.readDirSync(dir)) if (e.name.endsWith(".jinja")) {
  const source = Deno.readTextFileSync(dir + e.name); const render = renderer(source); let n = 0;
  findSyntax(render, controlTokens(source));
  const t0 = performance.now(); findSyntax((...a) => { n++; return render(...a); }, controlTokens(source)); times.push([performance.now() - t0, e.name, n]);
}
times.sort((a, b) => b[0] - a[0]); console.log(times.slice(0, 4), "median", times[times.length >> 1], "renderings", Math.min(...times.map((t) => t[2])), Math.max(...times.map((t) => t[2])));
