/** Tests that take minutes and have tasks of their own: they run only if a path names them. */
export const LONG: readonly string[] = [
  "tests/packages",
  "tests/offline",
  "tests/conformance",
  "tests/libraries",
  "tests/engines/vllm_test.ts",
];

/**
 * Test files that take longest. They start first, so that none of them runs alone at the end; the
 * others follow in any order.
 */
export const LONGEST: readonly string[] = [
  "tests/browser/pages_test.ts",
  "tests/integration/lifecycle_test.ts",
  "tests/release/reproducible_test.ts",
  "tests/containers/containers_test.ts",
  "tests/containers/reproducible_test.ts",
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
 * Test files that must run alone, each with the reason. All others run in parallel, with their own
 * ports, folders and processes.
 */
export const ALONE: Readonly<Record<string, string>> = {
  "tests/faults/poison_test.ts": "measures how long neighbours of a hung worker wait",
  "tests/hosts/partitions_test.ts": "measures leases of hosts in network namespaces of their own",
  "tests/integration/health_test.ts": "measures a median of milliseconds",
  "tests/support/network_test.ts": "measures lost and late packets in network namespaces",
};
