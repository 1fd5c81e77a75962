/** Tests that take minutes and have tasks of their own: they run only when a path names them. */
export const LONG: readonly string[] = ["tests/packages", "tests/offline", "tests/conformance"];

/**
 * Test files that take longest on one core. They start first, so that no core is left with one of
 * them at the end; the others follow in any order.
 */
export const LONGEST: readonly string[] = [
  "tests/simulation/simulation_test.ts",
  "tests/release/reproducible_test.ts",
  "tests/browser/pages_test.ts",
  "tests/integration/lifecycle_test.ts",
];

/**
 * Test files that need the machine to themselves, each with the reason. All others run side by
 * side, and bring their own ports, folders and processes.
 */
export const ALONE: Readonly<Record<string, string>> = {
  "tests/faults/machine_test.ts": "fills a disk and moves the clock of daemons",
  "tests/faults/poison_test.ts": "measures how long neighbours of a hung worker wait",
  "tests/faults/sleep_test.ts": "stops a whole stack for seconds and looks at its time-outs",
  "tests/hosts/partitions_test.ts": "measures leases of hosts in network namespaces of their own",
  "tests/integration/health_test.ts": "measures a median of milliseconds",
  "tests/soak/soak_test.ts": "measures memory and descriptors of a service under load",
  "tests/support/network_test.ts": "measures lost and late packets in network namespaces",
};
