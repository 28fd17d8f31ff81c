import type { Chance } from './chance.ts';
import type { Script } from './connection.ts';

/** Bytes that were a request once, and how they are sent. */
export interface RawCall {
  /** What was done to it. */
  readonly kind: string;
  readonly script: Script;
}

/** How long somebody who says nothing is watched, in milliseconds. */
const silentMs = 1_000;
const pauseMs = 20;

/** Does one or two things to a request that was right, so that most of it still makes sense to the parser. */
export function mutated(chance: Chance, request: Buffer): RawCall {
  const kind = chance.weighted(kinds);
  return { kind, script: mutations[kind](chance, request) };
}

type Kind = keyof typeof mutations;
type Mutation = (chance: Chance, request: Buffer) => Script;

/** Sends it at once and listens. */
const said = (...parts: readonly (Buffer | string)[]): Script => ({
  pieces: [Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)))],
  pauseMs: 0,
  after: 'listen',
});

const mutations = {
  flips: (chance, request) => {
    const bytes = Buffer.from(request);
    for (let flips = chance.whole(1, 4); flips > 0; flips--) {
      const at = chance.whole(0, bytes.length - 1);
      bytes[at]! ^= 1 << chance.whole(0, 7);
    }
    return said(bytes);
  },
  cut: (chance, request) => said(request.subarray(0, chance.whole(1, request.length - 1))),
  'cut out': (chance, request) => {
    const from = chance.whole(0, request.length - 2);
    return said(
      request.subarray(0, from),
      request.subarray(chance.whole(from + 1, Math.min(request.length, from + 40))),
    );
  },
  duplication: (chance, request) => {
    const from = chance.whole(0, request.length - 2);
    const to = chance.whole(from + 1, Math.min(request.length, from + 200));
    return said(request.subarray(0, to), request.subarray(from));
  },
  insertion: (chance, request) => {
    const at = chance.whole(0, request.length);
    return said(request.subarray(0, at), chance.pick(junk), request.subarray(at));
  },
  'wrong length': (chance, request) => {
    const length = chance.pick([
      '0',
      '1',
      '-1',
      '+5',
      '1e3',
      '99999999999999999999',
      '0x10',
      '',
      ' ',
      '12, 13',
      String(request.length * 3),
    ]);
    return said(withHead(request, (head) => head.replace(/content-length: \d+/, `content-length: ${length}`)));
  },
  'two lengths': (chance, request) => {
    const more = chance.pick([
      'content-length: 3',
      'transfer-encoding: chunked',
      'transfer-encoding: gzip, chunked',
      'transfer-encoding: x',
    ]);
    return said(withHead(request, (head) => head.replace(/content-length: \d+/, `$&\r\n${more}`)));
  },
  'broken chunks': (chance, request) => {
    const head = headOf(request).replace(/content-length: \d+/, 'transfer-encoding: chunked');
    return said(head, '\r\n\r\n', chance.pick(chunks));
  },
  'header flood': (chance, request) => {
    const line = chance.pick(['x: y\r\n', `x-${'z'.repeat(500)}: 1\r\n`, 'cookie: a=b\r\n', 'host: 127.0.0.1\r\n']);
    return said(withHead(request, (head) => `${head}\r\n${line.repeat(chance.pick([10, 300, 3_000]))}`.trimEnd()));
  },
  'odd head': (chance, request) => {
    const [from, to] = chance.pick(headChanges);
    return said(withHead(request, (head) => head.replace(from, to)));
  },
  'pipelined junk': (chance, request) => said(request, chance.pick(junk), request),
  pipelined: (chance, request) => said(...Array.from({ length: chance.whole(2, 8) }, () => request)),
  'in pieces': (chance, request) => {
    const at = chance.whole(1, request.length - 1);
    return { pieces: [request.subarray(0, at), request.subarray(at)], pauseMs, after: 'listen' };
  },
  'half, then the end': (chance, request) => ({ ...said(half(chance, request)), after: 'end' }),
  'half, then a reset': (chance, request) => ({ ...said(half(chance, request)), after: 'reset' }),
  'whole, then a reset': (_chance, request) => ({ ...said(request), after: 'reset' }),
  'half, then silence': (chance, request) => ({ ...said(half(chance, request)), after: { silentMs } }),
  'no HTTP': (chance) => said(chance.pick(junk)),
} satisfies Record<string, Mutation>;

const kinds: readonly (readonly [weight: number, kind: Kind])[] = (Object.keys(mutations) as Kind[]).map((kind) => [
  kind === 'flips' ? 6 : kind === 'half, then silence' ? 0.1 : 1,
  kind,
]);

const junk = [
  '\r\n',
  '\u0000',
  'x',
  '\xff\xfe',
  '\r\n\r\n',
  'GET / HTTP/1.1\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  'GET  HTTP/9.9\r\nhost:\r\n\r\n',
  '\u0000'.repeat(5_000),
  '{"url":"http://nowhere.invalid/"}',
  'CONNECT nowhere.invalid:443 HTTP/1.1\r\nhost: nowhere.invalid:443\r\n\r\n',
];

const chunks = [
  '5\r\nabc\r\n0\r\n\r\n',
  'zz\r\nabc\r\n0\r\n\r\n',
  '-1\r\n\r\n',
  'ffffffffffffffff1\r\n',
  '3;ext="a\r\nb"\r\nabc\r\n0\r\n\r\n',
  '2\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n',
  '2\r\n{}0\r\n\r\n',
  '2\n{}\n0\n\n',
  '',
];

const headChanges: readonly (readonly [RegExp, string])[] = [
  [/HTTP\/1\.1/, 'HTTP/1.0'],
  [/HTTP\/1\.1/, 'HTTP/1.2'],
  [/HTTP\/1\.1/, 'HTTP/2.0'],
  [/host: [^\r]+\r\n/, ''],
  [/host: ([^\r]+)/, 'host: $1\r\nhost: $1'],
  [/host: /, 'host : '],
  [/\r\n/g, '\n'],
  [/content-type: /, 'content-type:\r\n '],
  [/^\w+ \S+/, '$& x'],
  [/ \/timers/, ' http://127.0.0.1/timers'],
  [/ \/timers/, ' *'],
  [/ \/timers/, ' /timers#x'],
  [/ \/timers/, ' /%74imers'],
  [/application\/json/, 'application/json; charset="utf-8'],
  [/content-length/, 'expect: 100-continue\r\ncontent-length'],
  [/content-length/, 'upgrade: websocket\r\nconnection: upgrade\r\ncontent-length'],
];

function half(chance: Chance, request: Buffer): Buffer {
  return request.subarray(0, chance.whole(1, request.length - 1));
}

function headOf(request: Buffer): string {
  return request.toString('latin1').split('\r\n\r\n', 1)[0]!;
}

function withHead(request: Buffer, change: (head: string) => string): Buffer {
  const head = headOf(request);
  return Buffer.concat([Buffer.from(change(head), 'latin1'), request.subarray(head.length)]);
}
