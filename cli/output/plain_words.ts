/**
 * A message without Deno's advice to pass a flag: Deno closes some folders to every program, and
 * llorch has no such flag.
 */
export function plainWords(message: string): string {
  return message.replace(
    /Requires \w+ access to .*?--allow-\w+ flag/s,
    "llorch cannot use files below /dev, /proc and /sys; choose another",
  );
}
