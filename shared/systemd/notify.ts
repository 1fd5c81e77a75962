/**
 * Reports a daemon's state to systemd: sd_notify(3) over the socket in `NOTIFY_SOCKET`.
 *
 * @module
 */
import type { Env } from "../paths.ts";

/** A message: the fields of the protocol that we use. */
export type Notice = Partial<
  Readonly<
    Record<"READY" | "RELOADING" | "STOPPING" | "STATUS" | "WATCHDOG", string>
  >
>;

/** The connection to systemd. */
export interface NotifySocket {
  /** Sends one message; ignores errors. */
  send(notice: Notice): Promise<void>;
  close(): void;
}

/**
 * Opens the connection to systemd.
 *
 * @returns undefined if `NOTIFY_SOCKET` is not set
 * @throws {Error} if the socket cannot be opened
 */
export function openNotifySocket(env: Env): NotifySocket | undefined {
  const address = env("NOTIFY_SOCKET");
  if (address === undefined || address === "") return undefined;
  // "@" stands for the zero byte of an abstract address. Ours is one too, so it leaves no file.
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
