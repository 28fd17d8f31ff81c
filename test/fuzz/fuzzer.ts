import { DocumentedAnswers, type OpenApi } from '../api/documented-answers.ts';
import { type Answer, allAnswers, NoHttp } from './answers.ts';
import { Chance } from './chance.ts';
import { type Connection, NoAnswer, play } from './connection.ts';
import { createdBy, faultOf, generalFault, idIn } from './judge.ts';
import { LiveIds } from './live-ids.ts';
import { mutated } from './raw.ts';
import { bytesOf, type FuzzRequest, requestFor, routesOf } from './requests.ts';
import { answerText, asShell } from './story.ts';
import { Tally } from './tally.ts';
import { rightRequest } from './templates.ts';

/** So many of the requests are bytes that were broken, on a connection of their own. */
const rawShare = 0.15;
/** Of larger bodies the server may close the connection before it has read them, which can cost the client the answer. */
const bodyBytesReadMax = 256 * 1024;

export interface Aim {
  readonly port: number;
  readonly receiverUrl: string;
  readonly document: OpenApi;
  readonly seed: number;
  /** How the run is told to somebody who wants to repeat it. */
  readonly replay: string;
}

/** Makes the requests of a seed, sends them, and judges what comes back. */
export class Fuzzer {
  readonly tally = new Tally();
  readonly #aim: Aim;
  readonly #documented: DocumentedAnswers;
  readonly #routes: ReturnType<typeof routesOf>;
  readonly #ids = new LiveIds();
  readonly #host: string;

  constructor(aim: Aim) {
    this.#aim = aim;
    this.#documented = new DocumentedAnswers(aim.document);
    this.#routes = routesOf(aim.document);
    this.#host = `127.0.0.1:${aim.port}`;
  }

  /** The request of this number, over this connection or one of its own. Throws where nobody listens any more. */
  async send(number: number, connection: Connection): Promise<void> {
    const chance = new Chance(this.#aim.seed, number);
    this.tally.requests += 1;
    if (chance.hits(rawShare)) await this.#sendRaw(number, chance);
    else await this.#sendRequest(number, chance, connection);
  }

  async #sendRequest(number: number, chance: Chance, connection: Connection): Promise<void> {
    const { document, receiverUrl: receiver, port } = this.#aim;
    const material = { chance, ids: this.#ids, targets: { receiver }, document };
    const request = requestFor(material, chance.weighted(this.#routes));
    const bytes = bytesOf(request, this.#host);
    const tell = (fault: string, answer?: Answer) =>
      this.#tell(number, { fault, sent: asShell({ pieces: [bytes] }, port), answer });
    try {
      const answer = await connection.ask(bytes, { toHead: request.method === 'HEAD' });
      this.#note(request, answer);
      const fault = faultOf(this.#documented, request, answer) ?? this.#lossIn(request, answer);
      if (fault) tell(fault, answer);
    } catch (error) {
      const mayBeCut = error instanceof NoAnswer && (request.body?.length ?? 0) > bodyBytesReadMax;
      this.tally.note(request.operation, mayBeCut ? 'cut' : 'no answer');
      if (!mayBeCut) tell(faultOfError(error));
    }
  }

  #note(request: FuzzRequest, answer: Answer): void {
    this.tally.note(request.operation, answer.status);
    this.tally.created += createdBy(answer);
    if (request.isValid) this.tally.noteValid(answer.status < 400);
    const creates = request.operation === 'createTimer' || request.operation === 'createTimerOriginal';
    const id = creates && answer.status < 300 ? idIn(answer) : undefined;
    if (id) this.#ids.note(id);
  }

  /** A timer that an answer said was stored is there, whoever asks for it. */
  #lossIn({ method, url }: FuzzRequest, { status }: Answer): string | undefined {
    if (status !== 404 || !this.#documented.operationOf({ method, url })) return undefined;
    const id = /^\/timers?\/([\da-f-]{36})(\/\w+)?$/.exec(url)?.[1];
    return id && this.#ids.isFresh(id) ? `the timer ${id} was created, and is not there` : undefined;
  }

  async #sendRaw(number: number, chance: Chance): Promise<void> {
    const { port } = this.#aim;
    const { kind, script } = mutated(chance, rightRequest(chance, this.#ids, this.#host));
    const tell = (fault: string, answer?: Answer) => this.#tell(number, { fault, sent: asShell(script, port), answer });
    try {
      const { answers, left } = allAnswers(await play(port, script));
      for (const answer of answers) {
        this.tally.note(`raw: ${kind}`, answer.status);
        this.tally.created += createdBy(answer);
        const fault = generalFault(answer);
        if (fault) tell(fault, answer);
      }
      if (answers.length === 0) this.tally.note(`raw: ${kind}`, 'no answer');
      // Whoever listens until nothing more comes gets what has begun to come.
      if (left > 0 && script.after === 'listen') tell(`${left} bytes at the end are no whole answer`);
    } catch (error) {
      this.tally.note(`raw: ${kind}`, 'fault');
      tell(faultOfError(error));
    }
  }

  #tell(number: number, { fault, sent, answer }: { fault: string; sent: string; answer?: Answer | undefined }): void {
    const answered = answer ? `\n  answered: ${answerText(answer)}` : '';
    this.tally.fault(`request ${number}: ${fault}\n  sent: ${sent}${answered}\n  again: ${this.#aim.replay}`);
  }
}

/** What was wrong with the conversation. Rethrows what is no fault of the server's answers. */
function faultOfError(error: unknown): string {
  if (error instanceof NoHttp) return `the answer is no HTTP: ${error.message}`;
  if (error instanceof NoAnswer) return error.message;
  throw error;
}
