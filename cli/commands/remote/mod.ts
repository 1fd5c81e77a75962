import { command, type Group } from "../../command.ts";
import { JSON_OPTION, QUIET_OPTION, text } from "../../options.ts";

/** `llorch remote hosts` */
const hosts: Group = {
  kind: "group",
  name: "hosts",
  summary: "List, add and remove the machines that --remote can name",
  examples: [{ line: "remote hosts list", summary: "All of them" }],
  members: [
    command({
      name: "list",
      summary: "List the machines in the config file",
      options: { json: JSON_OPTION },
      examples: [{ line: "remote hosts list --json", summary: "For a script" }],
      load: async () => (await import("./run.ts")).listHosts,
    }),
    command({
      name: "add",
      summary: "Add a machine to the config file, under a name",
      arguments: [
        { name: "<name>", summary: "Name of the machine, for --remote" },
        {
          name: "<address>",
          summary: "What ssh connects to: a name, an address, or a Host of ~/.ssh/config",
        },
      ],
      options: {
        user: text("-u, --user <user>", "User to log in as"),
        port: text("-p, --port <port>", "Port of sshd there"),
        llorch: text("--llorch <path>", "Path of llorch there, when it is not on the PATH"),
        sshArgs: text("--ssh-args <args>", 'More arguments for ssh: ["-J", "bastion"]'),
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "remote hosts add gpu1 10.0.0.4 --user ada", summary: "A machine with GPUs" },
        {
          line: "remote hosts add gpu2 gpu2 --llorch ~/bin/llorch",
          summary: "A Host of ~/.ssh/config",
        },
      ],
      load: async () => (await import("./edit.ts")).addHost,
    }),
    command({
      name: "remove",
      summary: "Remove a machine from the config file",
      arguments: [{ name: "<name>", summary: "Name of the machine", values: "hosts" }],
      options: { quiet: QUIET_OPTION },
      examples: [{ line: "remote hosts remove gpu1", summary: "Remove one machine" }],
      load: async () => (await import("./edit.ts")).removeHost,
    }),
  ],
};

/** `llorch remote` */
export const remote: Group = {
  kind: "group",
  name: "remote",
  summary: "Run commands on other machines over ssh, and keep a list of these machines",
  examples: [
    { line: "remote hosts add gpu1 10.0.0.4", summary: "Give a machine a name" },
    { line: "models list --remote gpu1", summary: "Any llorch command on that machine" },
    { line: "remote exec gpu1 -- nvidia-smi", summary: "Any other program on that machine" },
  ],
  members: [
    command({
      name: "exec",
      summary: "Run a program on another machine, with its output and exit code",
      arguments: [
        {
          name: "<host>",
          summary: "A machine of the config file, or any name that ssh knows",
          values: "hosts",
        },
        { name: "<command...>", summary: "The program and its arguments, after --" },
      ],
      examples: [
        { line: "remote exec gpu1 -- nvidia-smi", summary: "Show its GPUs" },
        {
          line: "remote exec gpu1 -- sh -c 'df -h | head -2'",
          summary: "A command line for its shell",
        },
      ],
      load: async () => (await import("./run.ts")).exec,
    }),
    hosts,
  ],
};
