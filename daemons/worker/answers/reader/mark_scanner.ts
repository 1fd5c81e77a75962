import { more, type Reading, type Source } from "./source.ts";

interface Node {
  readonly next: Map<string, Node>;
  readonly depth: number;
  /** The longest proper end of this node's text that begins a mark. */
  fallback: Node | undefined;
  mark: string | undefined;
}

/** Finds marks in a text, character by character, with the same work for each (Aho and Corasick). */
export class MarkScanner {
  readonly #root: Node = { next: new Map(), depth: 0, fallback: undefined, mark: undefined };
  #node = this.#root;

  constructor(marks: readonly string[]) {
    const level: Node[] = [];
    for (const mark of marks) {
      if (mark === "") continue;
      let node = this.#root;
      for (const char of mark.split("")) {
        let next = node.next.get(char);
        if (!next) {
          next = { next: new Map(), depth: node.depth + 1, fallback: undefined, mark: undefined };
          node.next.set(char, next);
          level.push(next);
        }
        node = next;
      }
      node.mark = mark;
    }
    this.#link(this.#root);
    const queue = [...this.#root.next.values()];
    for (const node of queue) {
      this.#link(node);
      queue.push(...node.next.values());
    }
  }

  /** How many of the last characters may begin a mark. */
  get held(): number {
    return this.#node.depth;
  }

  reset(): void {
    this.#node = this.#root;
  }

  /** The mark that ends with this character. */
  next(char: string): string | undefined {
    let node: Node | undefined = this.#node;
    while (node && !node.next.has(char)) node = node.fallback;
    this.#node = node?.next.get(char) ?? this.#root;
    return this.#node.mark;
  }

  #link(parent: Node): void {
    for (const [char, child] of parent.next) {
      let node = parent.fallback;
      while (node && !node.next.has(char)) node = node.fallback;
      child.fallback = node?.next.get(char) ?? this.#root;
      child.mark ??= child.fallback.mark;
    }
  }
}

/**
 * Reads text up to a mark and the mark, which it returns. Text is emitted, with its offset, as soon
 * as it cannot belong to a mark. At the end it returns undefined and leaves what may begin a mark.
 */
export function* readUntil(
  source: Source,
  scanner: MarkScanner,
  emit: (text: string, offset: number) => void,
): Reading<string | undefined> {
  scanner.reset();
  let held = "";
  while (yield* more(source)) {
    const offset = source.offset - held.length;
    const text = held + source.takeAll();
    for (let at = held.length; at < text.length; at++) {
      source.steps.count++;
      const mark = scanner.next(text.charAt(at));
      if (mark === undefined) continue;
      source.unread(text.slice(at + 1));
      const before = text.slice(0, at + 1 - mark.length);
      if (before !== "") emit(before, offset);
      return mark;
    }
    const safe = text.length - scanner.held;
    if (safe > 0) emit(text.slice(0, safe), offset);
    held = text.slice(safe);
  }
  source.unread(held);
  return undefined;
}
