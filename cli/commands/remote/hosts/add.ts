import { type Command, QUIET_OPTION } from "../../../command.ts";

/** `llorch remote hosts add` */
export const add: Command = {
  kind: "command",
  name: "add",
  summary: "Give a machine a name in the config file",
  arguments: [
    { name: "<name>", summary: "What to call it" },
    { name: "<address>", summary: "What ssh connects to: a name, an address, a Host of ~/.ssh" },
  ],
  options: [
    { flags: "-u, --user <user>", summary: "Name to log in with" },
    { flags: "-p, --port <port>", summary: "Port of sshd there" },
    { flags: "--llorch <path>", summary: "Where llorch is there, when not on its PATH" },
    { flags: "--ssh-args <args>", summary: 'More arguments for ssh: ["-J", "bastion"]' },
    QUIET_OPTION,
  ],
  examples: [
    { line: "remote hosts add gpu1 10.0.0.4 --user ada", summary: "A machine with GPUs" },
    {
      line: "remote hosts add gpu2 gpu2 --llorch ~/bin/llorch",
      summary: "As ~/.ssh/config has it",
    },
  ],
  load: () => import("./add_run.ts"),
};
