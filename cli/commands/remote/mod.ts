import { command, type Group } from "../../command.ts";
import { JSON_OPTION, QUIET_OPTION, text } from "../../options.ts";

/** `llorch remote hosts` */
const hosts: Group = {
  kind: "group",
  name: "hosts",
  summary: "The machines that --remote can name, kept in the config file",
  examples: [{ line: "remote hosts list", summary: "Which there are" }],
  members: [
    command({
      name: "list",
      summary: "Show the machines of the config file",
      options: { json: JSON_OPTION },
      examples: [{ line: "remote hosts list --json", summary: "For a script" }],
      load: async () => (await import("./run.ts")).listHosts,
    }),
    command({
      name: "add",
      summary: "Give a machine a name in the config file",
      arguments: [
        { name: "<name>", summary: "What to call it" },
        {
          name: "<address>",
          summary: "What ssh connects to: a name, an address, a Host of ~/.ssh",
        },
      ],
      options: {
        user: text("-u, --user <user>", "Name to log in with"),
        port: text("-p, --port <port>", "Port of sshd there"),
        llorch: text("--llorch <path>", "Where llorch is there, when not on its PATH"),
        sshArgs: text("--ssh-args <args>", 'More arguments for ssh: ["-J", "bastion"]'),
        quiet: QUIET_OPTION,
      },
      examples: [
        { line: "remote hosts add gpu1 10.0.0.4 --user ada", summary: "A machine with GPUs" },
        {
          line: "remote hosts add gpu2 gpu2 --llorch ~/bin/llorch",
          summary: "As ~/.ssh/config has it",
        },
      ],
      load: async () => (await import("./edit.ts")).addHost,
    }),
    command({
      name: "remove",
      summary: "Take a machine out of the config file",
      arguments: [{ name: "<name>", summary: "What it is called", values: "hosts" }],
      options: { quiet: QUIET_OPTION },
      examples: [{ line: "remote hosts remove gpu1", summary: "Forget a machine" }],
      load: async () => (await import("./edit.ts")).removeHost,
    }),
  ],
};

/** `llorch remote` */
export const remote: Group = {
  kind: "group",
  name: "remote",
  summary: "Run commands on other machines over ssh, and name these machines",
  examples: [
    { line: "remote hosts add gpu1 10.0.0.4", summary: "Give a machine a name" },
    { line: "models list --remote gpu1", summary: "Any llorch command, there" },
    { line: "remote exec gpu1 -- nvidia-smi", summary: "Any other program, there" },
  ],
  members: [
    command({
      name: "exec",
      summary: "Run a program on another machine; its output, its exit code",
      arguments: [
        {
          name: "<host>",
          summary: "A host of the config file, or what ssh knows",
          values: "hosts",
        },
        { name: "<command...>", summary: "The program and its words, behind --" },
      ],
      examples: [
        { line: "remote exec gpu1 -- nvidia-smi", summary: "Look at its GPUs" },
        { line: "remote exec gpu1 -- sh -c 'df -h | head -2'", summary: "A line for its shell" },
      ],
      load: async () => (await import("./run.ts")).exec,
    }),
    hosts,
  ],
};
