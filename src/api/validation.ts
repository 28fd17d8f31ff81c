import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { type Fault, PunctualError } from '../timer/errors.ts';

/** A schema's keyword: JSON that is nested more deeply than this many levels is refused. */
export const nestingKeyword = 'x-nesting-max';

/** 1 to 255 visible ASCII characters. */
export const keyPattern = '^[\\x21-\\x7e]{1,255}$';

/** Tells what is wrong with a value; an empty list when nothing is. */
export type ShapeCheck = (value: unknown) => readonly Fault[];

/** Checks requests against the schemas of this room, and says what is wrong in plain words. Nothing is coerced in a body, removed, or filled in. */
export class Validation {
  readonly #first = new Ajv2020(options);
  readonly #all = new Ajv2020({ ...options, allErrors: true });
  readonly #texts = new Ajv2020({ ...options, allErrors: true, coerceTypes: true });

  /** `shared` are the schemas, each with an `$id`, that others refer to. */
  constructor(shared: readonly TSchema[]) {
    for (const ajv of [this.#first, this.#all]) {
      ajv.addKeyword({
        keyword: nestingKeyword,
        validate: (levels: number, value: unknown) => !isDeeperThan(value, levels),
        errors: false,
      });
      for (const schema of shared) ajv.addSchema(schema);
    }
  }

  /** For values that are JSON. All faults are told, but of a value so large that this could take long only the first. */
  bodyCheck(schema: object): ShapeCheck {
    const first = this.#first.compile(schema);
    const all = this.#all.compile(schema);
    return (value) => {
      if (first(value)) return [];
      if (isLarge(value)) return faultsOf(first.errors ?? [], bodyPointer);
      all(value);
      return faultsOf(all.errors ?? [], bodyPointer);
    };
  }

  /** For Fastify: bodies as they are; what comes as text (query, path, headers) with numbers and booleans read from it. */
  readonly compiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
    if (httpPart === 'body') return asFastifyWants(this.bodyCheck(schema));
    const validate = this.#texts.compile(schema);
    return asFastifyWants((value) => (validate(value) ? [] : faultsOf(validate.errors ?? [], parameterName)));
  };
}

const options = {
  allowUnionTypes: true,
  // Formats are for readers of the documentation: the rooms that own the ideas (an instant, a URL) check them.
  validateFormats: false,
  // The schemas are ours, and a test checks the document made of them: every start need not do it again.
  meta: false,
  validateSchema: false,
};

/** As `bodyCheck`, in the way that Fastify takes it. */
export function asFastifyWants(check: ShapeCheck): (value: unknown) => true | { error: Error } {
  return (value) => {
    const faults = check(value);
    return faults.length === 0 || { error: new PunctualError('invalid_request', { faults }) };
  };
}

/** Of a value with more values in it than this only the first fault is told. */
const valuesMax = 200;

function isLarge(value: unknown): boolean {
  const left: unknown[] = [value];
  for (let seen = 1; left.length > 0; seen++) {
    if (seen + left.length > valuesMax) return true;
    const next = left.pop();
    if (typeof next === 'object' && next !== null) for (const inner of Object.values(next)) left.push(inner);
  }
  return false;
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1));
}

function faultsOf(errors: readonly ErrorObject[], where: (error: ErrorObject) => string): Fault[] {
  return errors.map((error) => ({ pointer: where(error).slice(0, pointerCharsMax), detail: ruleOf(error) }));
}

/** A field's name comes from the client and may be very long. */
const pointerCharsMax = 300;

function bodyPointer(error: ErrorObject): string {
  const name: unknown = error.params.additionalProperty ?? error.params.missingProperty;
  // RFC 6901, section 3.
  return name === undefined
    ? error.instancePath
    : `${error.instancePath}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function parameterName(error: ErrorObject): string {
  return bodyPointer(error).slice(1);
}

/** The broken rule in plain words, to be read after the field's name. */
function ruleOf(error: ErrorObject): string {
  const { keyword, params } = error;
  const words = rules[keyword];
  return words ? words(params) : (error.message ?? 'breaks a rule');
}

const rules: Readonly<Record<string, (params: Record<string, unknown>) => string>> = {
  additionalProperties: () => 'is not known here',
  required: () => 'is missing',
  type: ({ type }) => `must be ${[type].flat().map(typeInWords).join(' or ')}`,
  enum: ({ allowedValues }) => `must be one of ${(allowedValues as unknown[]).join(', ')}`,
  pattern: ({ pattern }) =>
    pattern === keyPattern ? 'must be 1 to 255 visible ASCII characters' : `must match ${pattern}`,
  minimum: ({ limit }) => `must be at least ${limit}`,
  maximum: ({ limit }) => `must be at most ${limit}`,
  minLength: ({ limit }) => `must have at least ${limit} characters`,
  maxLength: ({ limit }) => `must have at most ${limit} characters`,
  minItems: ({ limit }) => `must have at least ${limit} entries`,
  maxItems: ({ limit }) => `must have at most ${limit} entries`,
  minProperties: ({ limit }) => `must have at least ${limit} fields`,
  maxProperties: ({ limit }) => `must have at most ${limit} fields`,
  [nestingKeyword]: () => 'is nested too deeply',
};

function typeInWords(type: unknown): string {
  if (type === 'object') return 'a JSON object';
  if (type === 'null') return 'null';
  return type === 'integer' || type === 'array' ? `an ${type}` : `a ${type}`;
}
