import { isAbsolute } from "node:path";
import { z } from "zod";

const url = (description: string) =>
  z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional()
    .describe(description);

const tokenFile = (daemon: string) =>
  z.string().min(1).optional()
    .describe(`File (mode 0600) with the token for ${daemon} (default: LLORCH_API_TOKEN)`);

const caFile = (daemon: string) =>
  z.string().min(1).optional().describe(
    `PEM file with further certificates to trust for ${daemon} (default: LLORCH_CA_FILE)`,
  );

/** A name with a leading - is refused: ssh would read it as an option. */
const sshWord = z.string({
  error: (issue) => issue.input === undefined ? "is required" : undefined,
})
  .regex(/^[^-\s]\S*$/, "must be one word that does not begin with -");

/** Names of hosts: bare TOML keys that cannot be mistaken for an option. */
export const HOST_NAME = /^\w[\w-]*$/;

/** A machine that `--remote` can name. */
export const hostSchema = z.strictObject({
  address: sshWord.describe("What ssh connects to: a host name, an address, or a Host of ~/.ssh"),
  user: sshWord.optional().describe("User to log in as (default: ssh's own)"),
  port: z.number().int().min(1).max(65_535).optional().describe(
    "Port of sshd (default: ssh's own)",
  ),
  llorch: z.string().min(1).optional().describe(
    "Path of llorch there (default: llorch on the PATH there)",
  ),
  args: z.array(z.string()).optional().describe("More arguments for ssh, e.g. -J and a jump host"),
});

/** The keys outside of `hosts`; none of them is required. */
export const keysSchema = z.strictObject({
  orchestrator: z.strictObject({
    url: url("Address of orchestratord"),
    token_file: tokenFile("orchestratord"),
    ca_file: caFile("orchestratord"),
  }).optional(),
  pool: z.strictObject({
    url: url("Address of this machine's pool manager"),
    token_file: tokenFile("the pool manager"),
    ca_file: caFile("the pool manager"),
  }).optional(),
  models: z.strictObject({
    dir: z.string().min(1).optional().describe("Folder that models are downloaded to"),
  }).optional(),
});

/** The config file of the command line. */
export const fileSchema = z.strictObject({
  ...keysSchema.shape,
  hosts: z.record(
    z.string().regex(HOST_NAME, "must be letters, digits, _ and -, and not begin with -"),
    hostSchema,
  ).optional().describe("Machines that --remote can name"),
}).superRefine(({ orchestrator, pool, models }, context) => {
  const paths = [
    [["orchestrator", "token_file"], orchestrator?.token_file],
    [["orchestrator", "ca_file"], orchestrator?.ca_file],
    [["pool", "token_file"], pool?.token_file],
    [["pool", "ca_file"], pool?.ca_file],
    [["models", "dir"], models?.dir],
  ] as const;
  for (const [path, value] of paths) {
    if (value === undefined || value.startsWith("~/") || isAbsolute(value)) continue;
    context.addIssue({ code: "custom", path: [...path], message: NOT_OWN });
  }
});

/**
 * Relative paths are for variables, which are set for one run: the file is read in every folder.
 */
const NOT_OWN = "must be an absolute path, or begin with ~/";

/** A config file's contents. */
export type FileConfig = z.output<typeof fileSchema>;

/** A machine that `--remote` can name. */
export type HostConfig = z.output<typeof hostSchema>;
