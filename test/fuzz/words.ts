import type { Chance } from './chance.ts';
import type { LiveIds } from './live-ids.ts';

// Texts that make sense in a field: what they may be is said in the document for people only.

/** What the fuzzed service may call. */
export interface Targets {
  /** A receiver that answers 200. */
  readonly receiver: string;
}

export interface Wording {
  readonly chance: Chance;
  readonly ids: LiveIds;
  readonly targets: Targets;
}

const durations = ['0s', '1s', '2s', '5s', '90s', '250ms', '1h30m', '1d', 'PT1S', 'PT0S', 'PT1H30M', 'P1D', 'P1M'];
const pauses = ['0s', '100ms', '1s', 'PT5S', '1h', '24h'];
const instants = [
  '2030-01-01T00:00:00Z',
  '2031-12-24T18:00:00+01:00',
  '2032-02-29T23:59:59.999Z',
  '2030-06-30T12:00:00-08:00',
];
const tags = ['orders', 'trial', 'ünïcode', '😀', 'a b', '%', '_', "'", '\\', '"'];
const keys = Array.from({ length: 40 }, (_, at) => `order-${at}`);

/** By the name of the field. Nothing that a timer calls may be anybody else's: hosts are the receiver, nobody, or a name that cannot exist. */
const wordsByField: Readonly<Record<string, (wording: Wording) => string>> = {
  url: ({ chance, targets }) =>
    chance.weighted([
      [10, `${targets.receiver}/hook`],
      [2, `${targets.receiver}/`],
      [2, `${targets.receiver}/a%20b/?q=ü&x=1#fragment`],
      [2, 'http://127.0.0.1:1/refuses'],
      [1, 'http://nowhere.invalid/hook'],
      [1, 'http://169.254.169.254/latest'],
    ]),
  delay: ({ chance }) => chance.pick(durations),
  at: ({ chance }) => chance.pick(instants),
  local: ({ chance }) => chance.pick(['2030-12-24T18:00', '2030-03-31T02:30', '2030-10-27T02:30:15']),
  timezone: ({ chance }) => chance.pick(['Europe/Berlin', 'UTC', 'America/New_York', 'Asia/Kathmandu']),
  initial: ({ chance }) => chance.pick(pauses),
  max: ({ chance }) => chance.pick(pauses),
  timeout: ({ chance }) => chance.pick(['1ms', '100ms', '15s', 'PT1M']),
  tags: ({ chance }) => chance.pick(tags),
  tag: ({ chance }) => chance.pick(tags),
  headers: ({ chance }) => chance.pick(['', '7', 'Bearer s3cret', 'text/plain', 'é', 'a, b;c="d"']),
  idempotency_key: (wording) => key(wording),
  'idempotency-key': (wording) => key(wording),
  destination: ({ chance, targets }) => chance.pick([targets.receiver, 'http://127.0.0.1:1', 'https://example.com']),
  due_from: ({ chance }) => chance.pick(instants),
  due_to: ({ chance }) => chance.pick(instants),
  cursor: ({ chance, ids }) => ids.pick(chance),
  id: ({ chance, ids }) => ids.pick(chance),
};

/** Keys come back, with the same request and with others. */
function key({ chance }: Wording): string {
  return chance.hits(0.7) ? chance.pick(keys) : chance.text([...'!~"\'\\{}az09'], chance.pick([1, 8, 255]));
}

/** A text that this field should take; undefined where nothing is known of it. */
export function wordFor(field: string, wording: Wording): string | undefined {
  return Object.hasOwn(wordsByField, field) ? wordsByField[field]!(wording) : undefined;
}

/** Names for the fields of an object that may have any. */
export const freeNames = ['x-shop', 'authorization', 'content-type', 'user-agent', 'accept', 'x-ü', 'cookie'];

/** Ways to say when, of which a timer takes exactly one. */
export const waysToSayWhen: readonly (readonly string[])[] = [
  ['seconds'],
  ['hours', 'minutes', 'seconds'],
  ['delay'],
  ['at'],
  ['local', 'timezone'],
];
