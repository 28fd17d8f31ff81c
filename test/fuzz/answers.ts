/** An answer over HTTP/1.1, taken apart. */
export interface Answer {
  readonly status: number;
  /** By their names in lower case; those that came twice are joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Bytes that are no HTTP. */
export class NoHttp extends Error {}

interface Taken {
  readonly answer: Answer;
  /** What came behind it. */
  readonly rest: Buffer;
}

/** What of the request and the connection decides where an answer ends. */
export interface Framing {
  /** To HEAD, there are headers of a body, but no body. */
  readonly toHead?: boolean;
  /** Nothing more will come. */
  readonly ended?: boolean;
}

/**
 * Takes the first answer off the bytes, as RFC 9112 frames it; undefined while it is not whole. Throws {@link NoHttp}. A parser that
 * forgives nothing, where a client's own would mend what a client might choke on.
 */
export function takeAnswer(bytes: Buffer, framing: Framing = {}): Taken | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) {
    requireStart(bytes);
    return undefined;
  }
  const { status, headers } = headOf(bytes.subarray(0, headEnd).toString('latin1'));
  const framed = takeBody(bytes.subarray(headEnd + 4), { ...framing, status, headers });
  return framed && { answer: { status, headers, body: framed.body.toString() }, rest: framed.rest };
}

/** Every answer in the bytes, and how many bytes at the end belong to none that is whole. Throws {@link NoHttp}. */
export function allAnswers(bytes: Buffer): { readonly answers: Answer[]; readonly left: number } {
  const answers: Answer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const taken = takeAnswer(rest, { ended: true });
    if (!taken) break;
    answers.push(taken.answer);
    rest = taken.rest;
  }
  return { answers, left: rest.length };
}

/** Says early what can never become an answer. */
function requireStart(bytes: Buffer): void {
  const start = bytes.subarray(0, 9).toString('latin1');
  if (!'HTTP/1.1 '.startsWith(start)) throw new NoHttp(`it begins with ${JSON.stringify(start)}`);
}

const statusLine = /^HTTP\/1\.1 (\d{3}) [\x20-\x7e]*$/;
/** RFC 9110, section 5: a token, and text without control characters. */
const headerLine = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/;

function headOf(text: string): Pick<Answer, 'status' | 'headers'> {
  const [first = '', ...lines] = text.split('\r\n');
  const status = statusLine.exec(first)?.[1];
  if (!status) throw new NoHttp(`its status line is ${JSON.stringify(first)}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = headerLine.exec(line);
    if (!match) throw new NoHttp(`it has the header line ${JSON.stringify(line)}`);
    const name = match[1]!.toLowerCase();
    const before = headers.get(name);
    headers.set(name, before === undefined ? match[2]! : `${before}, ${match[2]}`);
  }
  return { status: Number(status), headers };
}

interface Framed {
  readonly body: Buffer;
  readonly rest: Buffer;
}

type BodyFraming = Framing & Pick<Answer, 'status' | 'headers'>;

/** RFC 9112, section 6.3. */
function takeBody(bytes: Buffer, { toHead, ended, status, headers }: BodyFraming): Framed | undefined {
  if (toHead || status < 200 || status === 204 || status === 304) return { body: Buffer.alloc(0), rest: bytes };
  const encoding = headers.get('transfer-encoding');
  if (encoding !== undefined) {
    if (encoding !== 'chunked') throw new NoHttp(`its transfer-encoding is ${encoding}`);
    return takeChunks(bytes);
  }
  const length = headers.get('content-length');
  if (length === undefined) return ended ? { body: bytes, rest: Buffer.alloc(0) } : undefined;
  if (!/^\d+$/.test(length)) throw new NoHttp(`its content-length is ${length}`);
  if (bytes.length < Number(length)) return undefined;
  return { body: bytes.subarray(0, Number(length)), rest: bytes.subarray(Number(length)) };
}

function takeChunks(bytes: Buffer): Framed | undefined {
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = bytes.subarray(at, lineEnd).toString('latin1');
    if (!/^[\da-f]+$/i.test(size)) throw new NoHttp(`a chunk's size is ${JSON.stringify(size)}`);
    const start = lineEnd + 2;
    const end = start + Number.parseInt(size, 16);
    if (bytes.length < end + 2) return undefined;
    if (bytes.subarray(end, end + 2).toString() !== '\r\n') throw new NoHttp('a chunk does not end where it says');
    if (end === start) return { body: Buffer.concat(chunks), rest: bytes.subarray(end + 2) };
    chunks.push(bytes.subarray(start, end));
    at = end + 2;
  }
}
