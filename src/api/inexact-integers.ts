import type { Fault } from '../timer/errors.ts';

/** Only a number with so many digits can be beyond 2^53 (9007199254740992). */
const manyDigits = /\d{16}/;
const integer = /^-?\d{16,}$/;
/** What a timer sends, in a create, a change or a batch. All other numbers have narrow ranges of their own. */
const sent = /^(\/timers\/\d+)?\/body(\/|$)/;
/** So many are named; a body may have very many. */
const namedMax = 50;

/**
 * The integers in what a timer is to send that would arrive as others: JSON numbers are read as doubles, which are exact up to 2^53 only.
 * `text` is JSON that has been parsed before. Costs next to nothing unless there is a long row of digits in it.
 */
export function inexactIntegers(text: string): Fault[] {
  if (!manyDigits.test(text)) return [];
  const faults = pathsOf(text).filter((path) => sent.test(path));
  return faults.map((pointer) => ({ pointer, detail }));
}

const detail =
  'is an integer beyond 2^53, which would be changed on its way: send the whole body as text, with a content-type in headers';

/** JSON pointers to them. A reviver sees children before their parents, so that each path is put together from its end. */
function pathsOf(text: string): string[] {
  const pathsIn = new Map<object, string[]>();
  let named = 0;
  const note = (holder: object, paths: readonly string[]) => {
    pathsIn.set(holder, [...(pathsIn.get(holder) ?? []), ...paths]);
  };
  const revive: Reviver = function (key, value, context) {
    const step = `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    if (typeof value === 'number' && named < namedMax && isInexact(value, context.source ?? '')) {
      named += 1;
      note(this, [step]);
    } else if (typeof value === 'object' && value !== null && pathsIn.has(value)) {
      note(
        this,
        pathsIn.get(value)!.map((path) => step + path),
      );
    }
    return value;
  };
  try {
    const whole = JSON.parse(text, revive as (key: string, value: unknown) => unknown);
    return pathsIn.get(whole) ?? [];
  } catch {
    // Nested so deeply that the stack does not suffice: that is refused by a rule of its own.
    return [];
  }
}

/** As JSON.parse calls it, with the text that a number was read from: https://tc39.es/proposal-json-parse-with-source/ */
type Reviver = (this: object, key: string, value: unknown, context: { readonly source?: string }) => unknown;

function isInexact(value: number, source: string): boolean {
  return !Number.isSafeInteger(value) && integer.test(source) && String(value) !== source;
}
