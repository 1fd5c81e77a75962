import { isAbsolute } from "node:path";
import { z } from "zod";

const url = (description: string) =>
  z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).optional()
    .describe(description);

const tokenFile = (daemon: string) =>
  z.string().min(1).optional()
    .describe(`File (mode 0600) with the token for ${daemon}; else LLORCH_API_TOKEN`);

const caFile = (daemon: string) =>
  z.string().min(1).optional().describe(
    `PEM file with certificates to trust ${daemon} by, beside the usual ones; else LLORCH_CA_FILE`,
  );

/** What ssh would read as an option of its own is not a name. */
const sshWord = z.string({ error: (issue) => issue.input === undefined ? "is needed" : undefined })
  .regex(/^[^-\s]\S*$/, "must be one word that does not begin with -");

/** What a host may be called: a bare TOML key that no option looks like. */
export const HOST_NAME = /^\w[\w-]*$/;

/** A machine that `--remote` can name. */
export const hostSchema = z.strictObject({
  address: sshWord.describe("What ssh connects to: a host name, an address, or a Host of ~/.ssh"),
  user: sshWord.optional().describe("Name to log in with; else what ssh takes"),
  port: z.number().int().min(1).max(65_535).optional().describe(
    "Port of sshd; else what ssh takes",
  ),
  llorch: z.string().min(1).optional().describe("Path of llorch there; else llorch on its PATH"),
  args: z.array(z.string()).optional().describe("More arguments for ssh, e.g. -J and a jump host"),
});

/** The keys that every config file may have; none of them is needed. */
export const keysSchema = z.strictObject({
  orchestrator: z.strictObject({
    url: url("Where orchestratord answers"),
    token_file: tokenFile("orchestratord"),
    ca_file: caFile("orchestratord"),
  }).optional(),
  pool: z.strictObject({
    url: url("Where the pool manager of this machine answers"),
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

/** A variable is meant for one run; a file must mean the same in every folder. */
const NOT_OWN = "must be an absolute path, or begin with ~/";

/** A config file's contents. */
export type FileConfig = z.output<typeof fileSchema>;

/** A machine that `--remote` can name. */
export type HostConfig = z.output<typeof hostSchema>;
