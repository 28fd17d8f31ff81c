import { responseBytesKept } from '../timer/outcome.ts';

/** A character of UTF-8 has at most four bytes, so that with three more no character that begins within the limit is cut. */
const bytesGathered = responseBytesKept + 3;

const encoder = new TextEncoder();
const scratch = new Uint8Array(responseBytesKept);

/** Gathers the start of a response's body. */
export class ResponseText {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  add(chunk: Uint8Array): void {
    if (this.#bytes >= bytesGathered) return;
    // A copy: the chunk may be a view of a large buffer that would be kept alive.
    const part = Uint8Array.prototype.slice.call(chunk, 0, bytesGathered - this.#bytes);
    this.#chunks.push(part);
    this.#bytes += part.length;
  }

  /**
   * What was gathered, as text of at most `responseBytesKept` bytes in UTF-8; null if that is nothing. Broken UTF-8 is replaced, and so is
   * NUL, which some databases cannot keep in text.
   */
  text(): string | null {
    if (this.#bytes === 0) return null;
    const text = Buffer.concat(this.#chunks).toString('utf8').replaceAll('\0', '\ufffd');
    // Replacement characters are longer than what they replace; encodeInto never splits a character.
    return text.slice(0, encoder.encodeInto(text, scratch).read);
  }
}
