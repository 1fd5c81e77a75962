/** Variables of llorch for tests, not for the programs that they start. */
const FOR_TESTS: ReadonlySet<string> = new Set([
  ...["LLORCH_BIN_DIR", "LLORCH_RUNTIME_DIR", "LLORCH_PEER_ROOT", "LLORCH_TEST_DEBIAN_MIRROR"],
  ...["LLORCH_FAULT_ROUNDS", "LLORCH_FAULT_SEED", "LLORCH_HOST_ROUNDS", "LLORCH_MALFORMED_RUNS"],
  ...["LLORCH_GRAMMAR_RUNS", "LLORCH_LONG_TEXT", "LLORCH_TERM_ROUNDS", "LLORCH_LEAK_RUNS"],
  "LLORCH_PICTURE_RUNS",
  ...["LLORCH_SEED", "LLORCH_SCREENSHOTS", "LLORCH_UPDATE_GOLDEN", "LLORCH_TRANSCRIPTS"],
]);

/**
 * The environment of tests: ours without the variables that configure `llorch` and the daemons,
 * which would also configure the processes that tests start.
 */
export function testEnv(ours: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(ours).filter(([name]) => !name.startsWith("LLORCH_") || FOR_TESTS.has(name)),
  );
}
