import { resolved, type Schema } from './schema.ts';
import { anyJson, type Material } from './values.ts';

const longTextChars = 5_000;

/** The value with one thing in it that the schema, or common sense, does not take. */
export function mistaken(material: Material, schema: Schema, value: unknown): unknown {
  const rules = resolved(material.document, schema);
  const { chance } = material;
  if (Array.isArray(value) && value.length > 0 && chance.hits(0.8)) {
    const at = chance.whole(0, value.length - 1);
    return value.with(at, mistaken(material, rules.items ?? {}, value[at]));
  }
  if (isObject(value) && chance.hits(0.85)) return mistakenObject(material, rules, value);
  return chance.pick([() => beyondBounds(material, rules), () => otherKind(material)])();
}

function mistakenObject(material: Material, rules: Schema, value: Record<string, unknown>): object {
  const { chance } = material;
  const names = Object.keys(value);
  if (names.length === 0 || chance.hits(0.15)) return { ...value, [extraName(material)]: anyJson(material) };
  const name = chance.pick(names);
  if (chance.hits(0.2)) {
    const { [name]: _left, ...rest } = value;
    return rest;
  }
  return { ...value, [name]: mistaken(material, rules.properties?.[name] ?? {}, value[name]) };
}

function extraName({ chance }: Material): string {
  return chance.pick([
    'extra',
    '',
    'Url',
    'url ',
    'toString',
    'constructor',
    'prototype',
    'ü',
    'a/b~c',
    '\u0000',
    '0',
    'x'.repeat(longTextChars),
  ]);
}

/** One step beyond what the schema allows. */
function beyondBounds(material: Material, rules: Schema): unknown {
  const { chance } = material;
  const { minimum, maximum, minLength, maxLength, maxItems, maxProperties } = rules;
  const ways: (() => unknown)[] = [];
  if (minimum !== undefined)
    ways.push(
      () => minimum - 1,
      () => minimum - 0.5,
    );
  if (maximum !== undefined) ways.push(() => maximum + 1);
  if (minLength !== undefined && minLength > 0) ways.push(() => '');
  if (maxLength !== undefined) ways.push(() => chance.pick(['x', 'ü', '😀']).repeat(maxLength + 1));
  if (maxItems !== undefined) ways.push(() => Array.from({ length: maxItems + 1 }, () => 'x'));
  if (maxProperties !== undefined) {
    ways.push(() => Object.fromEntries(Array.from({ length: maxProperties + 1 }, (_, at) => [`x-${at}`, ''])));
  }
  if (rules.enum) ways.push(() => String(rules.enum![0]).toUpperCase());
  return ways.length > 0 ? chance.pick(ways)() : otherKind(material);
}

/** Something else altogether. */
function otherKind(material: Material): unknown {
  const { chance } = material;
  return chance.pick<() => unknown>([
    () => anyJson(material),
    () => null,
    () => chance.pick([-1, -0.5, 2 ** 31, 2 ** 53, 1e21, 1.7e308, 5e-324]),
    () =>
      chance.pick([
        '',
        ' ',
        '\u0000',
        'a\u0000b',
        '\ud800',
        '\udfff',
        '\u2028',
        '1',
        'true',
        'NaN',
        '-1s',
        'P',
        '1e9h',
      ]),
    () =>
      chance.pick(['P9999999999999Y', '99999999999999999999d', '2026-02-30T00:00:00Z', '+275760-09-13T00:00:00.001Z']),
    () =>
      chance.pick([
        'ftp://nowhere.invalid/',
        'http://',
        'http://u:p@nowhere.invalid/',
        'http://[',
        'javascript:alert(1)',
        '//x',
      ]),
    () => chance.pick(['é', 'x', '漢', '😀', '\\', '"']).repeat(longTextChars),
    () => chance.pick(["'; DROP TABLE timers; --", '{{7*7}}', '../../etc/passwd', '%s%n', '<script>']),
  ])();
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
