import type { Chance } from './chance.ts';

/** One level more than a timer's body may have, and more than a stack may hold. */
const depths = [99, 100, 101, 20_000];
/** Around the largest body that is taken. */
const paddings = [1_000, 16_000, 17_000, 261_000, 270_000];

/** JSON as nobody's serialiser writes it, made from a text that is an object. */
export function oddJson(chance: Chance, text: string): Buffer {
  return chance.pick([...broken, ...strange])(chance, text);
}

type Oddity = (chance: Chance, text: string) => Buffer;

/** Puts this in as the first field. */
function withField(text: string, field: string): Buffer {
  return Buffer.from(text.replace(/^\{(?=(\s*\})?)/, (_brace, empty) => `{${field}${empty === undefined ? ',' : ''}`));
}

/** What no JSON parser should take. */
const broken: readonly Oddity[] = [
  (chance, text) => Buffer.from(text.slice(0, chance.whole(0, text.length - 1))),
  (chance, text) => Buffer.from(text + chance.pick([',', '}', ' x', text, '\u0000'])),
  (_chance, text) => Buffer.from(text.replace(/}$/, ',}')),
  (_chance, text) => Buffer.from(text.replaceAll('"', "'")),
  (chance, text) =>
    withField(text, `"body":${chance.pick(['NaN', 'Infinity', 'undefined', '01', '.5', '+1', '0x1', '1_0'])}`),
  (chance, text) => Buffer.concat([withField(text, '"tags":["'), Buffer.from([chance.whole(128, 255), 0xc0, 0x80])]),
  (_chance, text) => Buffer.from(`\ufeff${text}`),
  (_chance, text) => Buffer.from(text, 'utf16le'),
  (chance, text) => withField(text, `"body":"${chance.pick(['\n', '\u0000', '\\x', '\\u12', '\\'])}"`),
];

/** What they take, each in its own way. */
const strange: readonly Oddity[] = [
  (chance, text) => withField(text, `"url":${chance.pick(['"http://nowhere.invalid/first"', '7', 'null'])}`),
  (chance, text) => withField(text, `"body":1,"body":${chance.pick(['2', '{"a":1,"a":2}', 'null'])}`),
  (chance, text) =>
    withField(text, chance.pick(['"__proto__":{"seconds":1}', '"__proto__":null', '"\\u005f_proto__":{}'])),
  (_chance, text) => withField(text, '"body":{"constructor":{"prototype":{"x":1}}}'),
  (chance, text) => withField(text, `"body":${nested(chance.pick(depths), '[', ']')}`),
  (chance, text) => withField(text, `"body":${nested(chance.pick(depths), '{"a":', '}', '1')}`),
  (chance) => Buffer.from(nested(chance.pick(depths), '[', ']')),
  (chance, text) => withField(text, `"${chance.pick(['body', 'seconds', 'hours'])}":${chance.pick(hugeNumbers)}`),
  (chance, text) =>
    withField(text, `"body":"${chance.pick(['\\u0000', '\\ud800', '\\udc00\\ud800', '\\u2028', '\\/'])}"`),
  (chance, text) => withField(text, `"body":"${'y'.repeat(chance.pick(paddings))}"`),
  (chance, text) => Buffer.from(' '.repeat(chance.pick(paddings)) + text),
  (chance) => Buffer.from(chance.pick(['', ' ', 'null', '0', '"text"', '[]', '{}', 'true', '[{}]', '{"":""}'])),
];

const hugeNumbers = [
  '1e400',
  '-1e400',
  '12345678901234567890',
  '9007199254740993',
  '-0',
  '1E-400',
  '1e309',
  `1${'0'.repeat(400)}`,
];

function nested(levels: number, open: string, close: string, inside = ''): string {
  return open.repeat(levels) + inside + close.repeat(levels);
}
