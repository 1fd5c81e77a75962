import { AnswerReader } from "../daemons/worker/answers/reader/reader.ts";
import { familyOf, meaningOf, piecesOf, characters } from "../tests/conformance/models/run_case.ts";
const dir = "/work/wt/llama.cpp/models/templates/";
let seed = Number(Deno.args[0] ?? 1);
const rnd = (n: number) => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return (seed >> 8) % n; };
const tools = new Map<string, unknown>([["alpha", { type: "object", properties: { a: { type: "string" }, b: { type: "integer" } } }], ["alpha_two", { type: "object" }]]);
const names = [...Deno.readDirSync(dir)].map((e) => e.name).filter((n) => n.endsWith(".jinja")).sort();
let bad = 0, runs = 0, called = 0;
console.log("start"); for (const name of names) { console.log(name);
  const f = familyOf(Deno.readTextFileSync(dir + name));
  const { marks, calls } = f.syntax;
  const form = calls?.form as Record<string, unknown> | undefined;
  const bits = [...marks, ...marks, ...marks.map((m) => m.slice(0, 1 + rnd(m.length))), "alpha", "alpha_two", "alpha", "beta", " ", "\n", "\n\n", "text", "é", "😀", "```", "```json\n", '{"name": "alpha", "arguments": {"a": "x"}}', '{"name":"alpha","arguments":', '{"a": 1, "b": "}<"}', '"', "\\", "{", "}", "[", "]", "(", ")", "a=1", 'a="x"', "a", "1", "12345678901234567890", "\\n", "\\ud83d\\ude00", ",", ";", ":", "=", ">", "<", ...(form ? Object.values(form).flat().filter((v) => typeof v === "string") as string[] : [])];
  for (let i = 0; i < 300; i++) {
    runs++;
    let text = Array.from({ length: 1 + rnd(14) }, () => bits[rnd(bits.length)]!).join("");
    if (rnd(2) === 0 && calls) {
      // nearly a call
      const kind = calls.form.kind;
      const b = calls.form;
      const body = b.kind === "json" ? (b.names.length ? `{"${b.names[0]}": "alpha", "${b.arguments[0] ?? "arguments"}": {"a": "x${text}` : `{"alpha": {"a": "x`) : b.kind === "named" ? `${calls.before}alpha${b.end}{"a": "x` : b.kind === "tagged" ? `${calls.before}alpha${b.nameEnd}${b.key}a${b.keyEnds[0]}x` : `${calls.before}alpha${b.open}a${b.separator}${b.quote || '"'}x`;
      text = calls.opens.filter((o) => o !== calls.before).join("\n") + body + text;
      void kind;
    }
    const opts = { tools, promptEnd: rnd(3) === 0 ? (f.syntax.thought?.opens[0] ?? "") : "", isSingle: rnd(3) === 0, splitsThoughts: rnd(4) > 0 };
    const isCut = rnd(2) === 0;
    const pieces = piecesOf(text, rnd(2) ? f.controls : []);
    const run = (ps: { text: string; isControl: boolean }[]) => {
      const r = new AnswerReader(f.syntax, opts);
      const parts = ps.flatMap((p) => r.push(p.text, p.isControl));
      const open = JSON.stringify(meaningOf([...parts]));
      void open;
      return JSON.stringify(meaningOf([...parts, ...r.end(isCut)]));
    };
    let whole = ""; Deno.writeTextFileSync("/tmp/b/current.txt", name + "\n" + JSON.stringify(pieces) + "\n" + JSON.stringify(opts) + isCut);
    try {
      whole = run(pieces);
      if (whole.includes('"calls":[{')) called++;
      const chars = characters(pieces);
      const single = run(chars);
      let problem = single === whole ? "" : "chars " + single;
      for (let k = 0; k < 6 && !problem; k++) {
        const at = rnd(chars.length + 1);
        const join = (cs: typeof chars) => cs.reduce<typeof chars>((l, c) => { const e = l.at(-1); if (e && !e.isControl && !c.isControl && rnd(3)) { l[l.length - 1] = { text: e.text + c.text, isControl: false }; } else l.push({ ...c }); return l; }, []);
        const o = run([...join(chars.slice(0, at)), ...join(chars.slice(at))]);
        if (o !== whole) problem = "cut " + o;
      }
      if (problem) { bad++; if (bad < 12) console.log(name, JSON.stringify(text), JSON.stringify(opts), isCut, "\n   whole", whole, "\n  ", problem); }
    } catch (e) { bad++; if (bad < 12) console.log(name, "THROWS", JSON.stringify(text), (e as Error).stack?.slice(0, 400)); }
  }
}
console.log({ runs, bad, called });
