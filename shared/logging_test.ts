import assert from "node:assert/strict";
import { configureLogging, createLogger, type Logger, type LoggingOptions } from "./logging.ts";

/** The lines that are written with these logging options. */
function written(options: Partial<LoggingOptions>, use: (log: Logger) => void): string[] {
  const lines: string[] = [];
  const write = (line: string) => void lines.push(line);
  configureLogging({ level: "info", format: "json", journal: false, write, ...options });
  use(createLogger("orchestratord"));
  configureLogging({ level: "error", format: "json", journal: false, write: () => {} });
  return lines;
}

const only = (lines: readonly string[]) => {
  assert.equal(lines.length, 1);
  return JSON.parse(lines[0] ?? "");
};

Deno.test("a log line is one line of JSON with time, level, component, event and fields", () => {
  const record = only(written({}, (log) => log.info("job_ended", { job_id: "j1", tokens: 3 })));
  assert.match(record.ts, /^\d{4}-\d\d-\d\dT/);
  delete record.ts;
  assert.deepEqual(record, {
    level: "info",
    component: "orchestratord",
    event: "job_ended",
    job_id: "j1",
    tokens: 3,
  });
});

Deno.test("with() adds its fields to every line and a call's own come after", () => {
  const record = only(written({}, (log) => {
    log.with({ job_id: "j1", attempt: 1 }).with({ pool: "p" }).warn("retry", { attempt: 2 });
  }));
  assert.equal(record.job_id, "j1");
  assert.equal(record.pool, "p");
  assert.equal(record.attempt, 2);
  assert.equal(record.level, "warning");
});

Deno.test("lines below the level are not written", () => {
  const all = (log: Logger) => {
    log.debug("a");
    log.info("b");
    log.warn("c");
    log.error("d");
  };
  const events = (level: LoggingOptions["level"]) =>
    written({ level }, all).map((line) => JSON.parse(line).event);
  assert.deepEqual(events("debug"), ["a", "b", "c", "d"]);
  assert.deepEqual(events("warning"), ["c", "d"]);
  assert.deepEqual(events("error"), ["d"]);
});

Deno.test("journald gets the priority of each line", () => {
  const lines = written({ journal: true }, (log) => {
    log.info("a");
    log.warn("b");
    log.error("c");
  });
  assert.deepEqual(lines.map((line) => line.slice(0, 4)), ["<6>{", "<4>{", "<3>{"]);
});

Deno.test("control characters in values do not reach the log", () => {
  const text = "a\u001b[31mb\u0007\r\u009bc";
  const record = only(
    written({}, (log) => log.info("seen", { text, nested: { text }, list: ["a\u0000b"] })),
  );
  assert.equal(record.text, "a[31mbc");
  assert.equal(record.nested.text, "a[31mbc");
  assert.deepEqual(record.list, ["ab"]);
  const [pretty] = written({ format: "pretty" }, (log) => log.info("seen", { text, at: "x\ny" }));
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(pretty ?? "", /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  assert.equal(pretty?.split("\n").length, 2);
});

Deno.test("no name can reverse or break a pretty line", () => {
  const path = "a\u202eb\nc";
  const [line] = written(
    { format: "pretty" },
    (log) => log.info("seen", { path, other: "x\u202ey" }),
  );
  assert.match(line ?? "", /path="a\\u202eb\\nc" other=x\\u202ey/);
});

Deno.test("an error is logged with its stack and its cause", () => {
  const error = new Error("outer", { cause: new Error("inner") });
  const record = only(written({}, (log) => log.error("failed", { error })));
  assert.match(record.error, /outer[\s\S]*logging_test\.ts[\s\S]*cause: Error: inner/);
});

Deno.test("undefined fields are left out", () => {
  const record = only(written({}, (log) => log.info("seen", { job_id: undefined })));
  assert.ok(!("job_id" in record));
});

Deno.test("text in braces is not a template", () => {
  const record = only(written({}, (log) => log.info("seen {job_id}", { job_id: "j1" })));
  assert.equal(record.event, "seen {job_id}");
});

Deno.test("values that JSON cannot express do not break the line", () => {
  const loop: Record<string, unknown> = {};
  loop["self"] = loop;
  const record = only(written({}, (log) => log.info("seen", { big: 2n ** 64n, loop })));
  assert.equal(record.event, "seen");
  assert.equal(record.big, "18446744073709551616");
  assert.equal(record.loop, "[not JSON]");
});
