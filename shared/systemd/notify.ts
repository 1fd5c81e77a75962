/**
 * What a daemon tells systemd about itself: sd_notify(3) over the socket that `NOTIFY_SOCKET` names.
 *
 * @module
 */
import type { Env } from "../paths.ts";

/** Names of the protocol that we use. */
export type Notice = Partial<
  Readonly<
    Record<"READY" | "RELOADING" | "STOPPING" | "STATUS" | "WATCHDOG", string>
  >
>;

/** The service manager's ear. */
export interface NotifySocket {
  /** Sends one message; a manager that does not listen is no error of ours. */
  send(notice: Notice): Promise<void>;
  close(): void;
}

/**
 * Opens the way to systemd.
 *
 * @returns undefined where no `NOTIFY_SOCKET` is set: then nobody listens
 * @throws {Error} when the socket cannot be opened
 */
export function openNotifySocket(env: Env): NotifySocket | undefined {
  const address = env("NOTIFY_SOCKET");
  if (address === undefined || address === "") return undefined;
  // "@" stands for the zero byte of an abstract address. Our own end is one: no file is left behind.
  const path = address.replace(/^@/, "\0");
  const socket = Deno.listenDatagram({
    transport: "unixpacket",
    path: `\0llorch-notify-${Deno.pid}-${crypto.randomUUID()}`,
  });
  return {
    async send(notice) {
      const text = Object.entries(notice).map(([name, value]) => `${name}=${oneLine(value)}\n`);
      const bytes = new TextEncoder().encode(text.join(""));
      await socket.send(bytes, { transport: "unixpacket", path }).catch(() => {});
    },
    close: () => socket.close(),
  };
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
