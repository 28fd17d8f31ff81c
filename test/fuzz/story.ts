import type { Answer } from './answers.ts';
import type { Script } from './connection.ts';

const charsMax = 3_000;
const printable = /^[\t\r\n\x20-\x7e]*$/;

/** Bytes as something that can be pasted into a shell, to be sent to the service again. */
export function asShell({ pieces }: Pick<Script, 'pieces'>, port: number): string {
  const bytes = Buffer.concat(pieces);
  const text = bytes.toString('latin1');
  const said = printable.test(text)
    ? `printf '%b' '${escaped(text)}'`
    : `printf '${bytes.toString('hex')}' | xxd -r -p`;
  return `${shortened(said)} | nc 127.0.0.1 ${port}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\r', '\\r').replaceAll('\n', '\\n').replaceAll("'", '\\0047');
}

export function answerText({ status, headers, body }: Answer): string {
  const lines = [...headers].map(([name, value]) => `${name}: ${value}`);
  return shortened([`${status}`, ...lines, body].join('\n  '));
}

function shortened(text: string): string {
  return text.length > charsMax ? `${text.slice(0, charsMax)}… (${text.length} characters)` : text;
}
