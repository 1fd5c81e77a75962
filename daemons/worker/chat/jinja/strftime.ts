const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const DAY_MS = 86_400_000;

/** A local time in a format of C's `strftime`, with English names. */
export function strftime(date: Date, format: string): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const dayOfYear = Math.floor(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) -
      Date.UTC(date.getFullYear(), 0, 1)) / DAY_MS,
  ) + 1;
  const directive = (letter: string): string | undefined => {
    switch (letter) {
      case "a":
        return DAYS[date.getDay()]!.slice(0, 3);
      case "A":
        return DAYS[date.getDay()]!;
      case "b":
      case "h":
        return MONTHS[date.getMonth()]!.slice(0, 3);
      case "B":
        return MONTHS[date.getMonth()]!;
      case "c":
        return strftime(date, "%a %b %e %H:%M:%S %Y");
      case "d":
        return two(date.getDate());
      case "D":
      case "x":
        return strftime(date, "%m/%d/%y");
      case "e":
        return String(date.getDate()).padStart(2);
      case "f":
        return String(date.getMilliseconds() * 1_000).padStart(6, "0");
      case "F":
        return strftime(date, "%Y-%m-%d");
      case "H":
        return two(date.getHours());
      case "I":
        return two((date.getHours() + 11) % 12 + 1);
      case "j":
        return String(dayOfYear).padStart(3, "0");
      case "m":
        return two(date.getMonth() + 1);
      case "M":
        return two(date.getMinutes());
      case "n":
        return "\n";
      case "p":
        return date.getHours() < 12 ? "AM" : "PM";
      case "R":
        return strftime(date, "%H:%M");
      case "s":
        return String(Math.floor(date.getTime() / 1_000));
      case "S":
        return two(date.getSeconds());
      case "t":
        return "\t";
      case "T":
      case "X":
        return strftime(date, "%H:%M:%S");
      case "u":
        return String(date.getDay() || 7);
      case "w":
        return String(date.getDay());
      case "y":
        return two(date.getFullYear() % 100);
      case "Y":
        return String(date.getFullYear());
      case "z":
      case "Z":
        // Python's local time without a zone has neither.
        return "";
      case "%":
        return "%";
    }
    return undefined;
  };
  return format.replace(/%(-?)([a-zA-Z%])/g, (whole, dash: string, letter: string) => {
    const text = directive(letter);
    if (text === undefined) return whole;
    return dash === "" ? text : text.replace(/^[0 ]+(?=.)/, "");
  });
}
