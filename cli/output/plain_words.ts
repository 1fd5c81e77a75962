/**
 * A message without what Deno, which runs us, tells its own users: some folders are closed to every
 * program, and no flag of ours would open them.
 */
export function plainWords(message: string): string {
  return message.replace(
    /Requires \w+ access to .*?--allow-\w+ flag/s,
    "llorch leaves files below /dev, /proc and /sys alone; name another",
  );
}
