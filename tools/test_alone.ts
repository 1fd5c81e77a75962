/** Tests that take minutes and have tasks of their own: they run only when a path names them. */
export const LONG: readonly string[] = ["tests/packages", "tests/offline", "tests/conformance"];

/**
 * Test files that take longest on one core. They start first, so that no core is left with one of
 * them at the end; the others follow in any order.
 */
export const LONGEST: readonly string[] = [
  "tests/browser/pages_test.ts",
  "tests/integration/lifecycle_test.ts",
  "tests/release/reproducible_test.ts",
  "tests/browser/feed_test.ts",
  "tests/cli/jobs_test.ts",
  "tests/cli/git_test.ts",
  "tests/integration/missing_models_test.ts",
  "tests/faults/processes_test.ts",
  "tests/cli/git_sync_test.ts",
  "tests/simulation/simulation_test.ts",
  "tests/tokenizers/tokenizers_test.ts",
];

/**
 * Test files that need the machine to themselves, each with the reason. All others run side by
 * side, and bring their own ports, folders and processes.
 */
export const ALONE: Readonly<Record<string, string>> = {
  "tests/faults/poison_test.ts": "measures how long neighbours of a hung worker wait",
  "tests/hosts/partitions_test.ts": "measures leases of hosts in network namespaces of their own",
  "tests/integration/health_test.ts": "measures a median of milliseconds",
  "tests/support/network_test.ts": "measures lost and late packets in network namespaces",
};
