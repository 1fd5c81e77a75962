import { createHash } from "node:crypto";
import { NO_AUDIO, NO_IMAGES } from "#shared/contracts/images.ts";
import type { Decoders } from "../../media/decoders.ts";
import { BadMedia } from "../../media/pixels.ts";
import type { EngineMedia, TakenMedium } from "../engine.ts";
import { type EngineThread, OrderError } from "./engine_thread.ts";
import { mediaTokens, pieceKey } from "../media_tokens.ts";
import type { Encoded, MediaFacts, MediumOrder, PieceFacts, Places } from "./thread/messages.ts";

/** Most memory of encoded pieces that no request uses, in bytes. */
const MOST_IDLE_BYTES = 64 * 1024 ** 2;
/** Most media that are kept while no request uses them. */
const MOST_IDLE = 16;

/** A piece of a picture or of sound, which a prompt has as numbers of its own. */
export interface Piece {
  readonly id: number;
  readonly count: number;
  /** Positions that it takes: fewer than its tokens with M-RoPE. */
  readonly positions: number;
  readonly isWhole: boolean;
  readonly places: Places | undefined;
}

interface Known {
  readonly tokens: readonly number[];
  readonly pieces: ReadonlyMap<string, Piece>;
  uses: number;
}

/** Dependencies of {@linkcode Media}. */
export interface MediaOptions {
  /** A thread that has libmtmd open. */
  readonly thread: Pick<EngineThread, "call" | "stop" | "close">;
  readonly facts: MediaFacts;
  readonly decoders: Pick<Decoders, "decodeImage" | "decodeSound" | "close">;
}

/**
 * The main thread's side of pictures and sound: decodes, prepares and encodes them, each content once while
 * it is used, and for a while after.
 */
export class Media implements EngineMedia {
  readonly facts: MediaFacts;
  readonly #options: MediaOptions;
  /** By the hash of their files; those used last come last. */
  readonly #known = new Map<string, Promise<Known>>();
  /** Media that no request uses, those used last last. */
  readonly #idle = new Map<string, Known>();
  readonly #pieces = new Map<string, Piece>();
  readonly #encoded = new Map<Piece, Promise<Encoded>>();

  constructor(options: MediaOptions) {
    this.#options = options;
    this.facts = options.facts;
  }

  /**
   * Takes a picture, as a file.
   *
   * @throws {BadMedia}
   */
  async image(file: Uint8Array<ArrayBuffer>): Promise<TakenMedium> {
    if (!this.facts.sees) throw new BadMedia(`${NO_IMAGES}: this model hears, and sees nothing`);
    return await this.#take(file, async () => {
      const { width, height, rgb } = await this.#options.decoders.decodeImage(file);
      return { kind: "image", width, height, rgb };
    });
  }

  /**
   * Takes sound, as a file.
   *
   * @throws {BadMedia}
   */
  async sound(file: Uint8Array<ArrayBuffer>): Promise<TakenMedium> {
    const { hears, sampleRate: rate } = this.facts;
    if (!hears) throw new BadMedia(`${NO_AUDIO}: this model sees, and hears nothing`);
    return await this.#take(file, async () => {
      const samples = await this.#options.decoders.decodeSound(file, rate);
      return { kind: "sound", samples };
    });
  }

  /** The piece that begins at an index of a prompt whose media are in use. */
  pieceAt(tokens: readonly number[], at: number): Piece {
    const piece = this.#pieces.get(pieceKey(tokens, at));
    if (!piece) throw new Error("A prompt has a picture that is not known");
    return piece;
  }

  /** Encodes a piece, once. */
  encode(piece: Piece): Promise<Encoded> {
    let encoded = this.#encoded.get(piece);
    if (!encoded) {
      const { id, isWhole, places } = piece;
      encoded = this.#options.thread.call("encode", { piece: id })
        .then((numbers) => ({ numbers, isWhole, places }));
      this.#encoded.set(piece, encoded);
      encoded.catch(() => this.#encoded.delete(piece));
    }
    return encoded;
  }

  /** Makes what is prepared or encoded fail as soon as it can. */
  stop(): void {
    this.#options.thread.stop();
  }

  /** Frees everything, before the model is freed. */
  async close(): Promise<void> {
    this.#options.decoders.close();
    await this.#options.thread.close();
  }

  async #take(
    file: Uint8Array<ArrayBuffer>,
    decode: () => Promise<MediumOrder>,
  ): Promise<TakenMedium> {
    const hash = createHash("sha256").update(file).digest("hex");
    let making = this.#known.get(hash);
    if (!making) {
      making = this.#make(hash, decode);
      this.#known.set(hash, making);
      making.catch(() => this.#known.delete(hash));
    }
    const known = await making;
    known.uses++;
    this.#idle.delete(hash);
    return { tokens: known.tokens, release: () => this.#release(hash, known) };
  }

  async #make(hash: string, decode: () => Promise<MediumOrder>): Promise<Known> {
    const order = await decode();
    const { buffer } = order.kind === "image" ? order.rgb : order.samples;
    const facts = await this.#options.thread.call("medium", order, [buffer]).catch((error) => {
      if (!(error instanceof OrderError)) throw error;
      throw new BadMedia(`cannot be used: ${error.message}`);
    });
    const tokens: number[] = [];
    const pieces = new Map<string, Piece>();
    for (const [index, each] of facts.entries()) {
      if ("tokens" in each) {
        tokens.push(...each.tokens);
        continue;
      }
      const own = mediaTokens(`${hash}:${index}`, each.count);
      const key = pieceKey(own, 0);
      pieces.set(key, pieceOf(each));
      tokens.push(...own);
    }
    for (const [key, piece] of pieces) this.#pieces.set(key, piece);
    return { tokens, pieces, uses: 0 };
  }

  #release(hash: string, known: Known): void {
    if (--known.uses > 0) return;
    this.#idle.set(hash, known);
    // Whoever waits for the same medium now has it counted only in a later turn.
    queueMicrotask(() => this.#forgetIdle());
  }

  #forgetIdle(): void {
    let bytes = [...this.#idle.values()].reduce((sum, known) => sum + this.#bytesOf(known), 0);
    for (const [hash, known] of this.#idle) {
      if (this.#idle.size <= MOST_IDLE && bytes <= MOST_IDLE_BYTES) return;
      bytes -= this.#bytesOf(known);
      this.#idle.delete(hash);
      this.#known.delete(hash);
      const ids: number[] = [];
      for (const [key, piece] of known.pieces) {
        this.#pieces.delete(key);
        this.#encoded.delete(piece);
        ids.push(piece.id);
      }
      // It fails only where the thread is about to end.
      this.#options.thread.call("forgetMedia", { pieces: ids }).catch(() => {});
    }
  }

  /** Memory of what is encoded of it, where each number has 4 bytes; that of pictures is of its order. */
  #bytesOf({ pieces }: Known): number {
    let bytes = 0;
    for (const piece of pieces.values()) {
      if (this.#encoded.has(piece)) bytes += piece.count * this.facts.tokenBytes;
    }
    return bytes;
  }
}

function pieceOf(
  { piece, count, positions, isWhole, places }: Exclude<PieceFacts, { tokens: readonly number[] }>,
): Piece {
  return { id: piece, count, positions, isWhole, places };
}
