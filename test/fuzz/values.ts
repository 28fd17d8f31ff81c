import type { OpenApi } from '../api/documented-answers.ts';
import { resolved, type Schema } from './schema.ts';
import { freeNames, type Wording, waysToSayWhen, wordFor } from './words.ts';

/** What values are made from. */
export interface Material extends Wording {
  readonly document: OpenApi;
}

const arrayItemsUsual = 4;
const textCharsUsual = 12;
const characters = [...'abcXYZ019 /?&=%~"\\\'<>{}[]\t\n', 'ü', 'ß', '漢', '😀', '\u200b', '\u202e'];
const integersUsual = 5;

/** A value that the schema takes; `field` is its name. */
export function validValue(material: Material, schema: Schema, field = ''): unknown {
  const { chance, document } = material;
  const { enum: choices, type, ...rules } = resolved(document, schema);
  if (choices) return chance.pick(choices);
  switch (typeof type === 'string' ? type : type?.[0]) {
    case 'object':
      return objectOf(material, rules, field);
    case 'array':
      return arrayOf(material, rules, field);
    case 'string':
      return wordFor(field, material) ?? textOf(material, rules);
    case 'integer':
      return integerOf(material, rules);
    case 'number':
      return (rules.minimum ?? 0) + chance.whole(0, 100) / 10;
    case 'boolean':
      return chance.hits(0.5);
    default:
      return anyJson(material);
  }
}

function objectOf(material: Material, rules: Schema, field: string): object {
  const { chance } = material;
  const { properties, additionalProperties, required = [] } = rules;
  if (!properties) return freeObjectOf(material, additionalProperties, field);
  const wanted = new Set(required);
  for (const name of Object.keys(properties)) if (chance.hits(0.25)) wanted.add(name);
  if ('delay' in properties) sayWhenOnce(material, wanted, required.length > 0);
  if (wanted.size === 0 && rules.minProperties) wanted.add(chance.pick(Object.keys(properties)));
  const entries = [...wanted].map((name) => [name, validValue(material, properties[name]!, name)]);
  return Object.fromEntries(entries);
}

/** That a timer has exactly one time is a rule that the schemas do not tell. */
function sayWhenOnce({ chance }: Material, wanted: Set<string>, needed: boolean): void {
  for (const name of waysToSayWhen.flat()) wanted.delete(name);
  if (needed || chance.hits(0.5)) for (const name of chance.pick(waysToSayWhen)) wanted.add(name);
}

function freeObjectOf(material: Material, schema: Schema | boolean | undefined, field: string): object {
  const { chance } = material;
  const names = freeNames.filter(() => chance.hits(0.2));
  const values = typeof schema === 'object' ? schema : { type: 'string' };
  return Object.fromEntries(names.map((name) => [name, validValue(material, values, field)]));
}

function arrayOf(material: Material, { items = {}, minItems = 0, maxItems }: Schema, field: string): unknown[] {
  const { chance } = material;
  const usual = chance.whole(minItems, minItems + arrayItemsUsual);
  const length = chance.hits(0.02) ? (maxItems ?? usual) : Math.min(usual, maxItems ?? usual);
  return Array.from({ length }, () => validValue(material, items, field));
}

function textOf({ chance }: Material, { minLength = 0, maxLength }: Schema): string {
  const usual = minLength + chance.whole(0, textCharsUsual);
  return chance.text(characters, Math.min(usual, maxLength ?? usual));
}

function integerOf({ chance }: Material, { minimum = 0, maximum }: Schema): number {
  if (maximum !== undefined && chance.hits(0.2)) return chance.pick([minimum, maximum]);
  return chance.whole(minimum, Math.min(minimum + integersUsual, maximum ?? Number.POSITIVE_INFINITY));
}

/** Any JSON, of a few levels. */
export function anyJson(material: Material, levels = 3): unknown {
  const { chance } = material;
  const inner = () => anyJson(material, levels - 1);
  const leaf = () => chance.pick([null, true, 0, -0, 1.5, 1e21, '', 'text', '\u0000', '\ud800', [], {}]);
  return chance.weighted<() => unknown>([
    [3, leaf],
    [3, () => textOf(material, {})],
    [levels, () => Array.from({ length: chance.whole(0, 3) }, inner)],
    [
      levels,
      () => Object.fromEntries(Array.from({ length: chance.whole(0, 3) }, () => [textOf(material, {}), inner()])),
    ],
  ])();
}
