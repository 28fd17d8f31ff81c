import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** What tests read of /openapi.json. */
export interface OpenApi {
  readonly openapi: string;
  readonly info: { readonly title: string };
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, object> };
}

export interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: string[];
  readonly parameters?: Parameter[];
  readonly requestBody?: { readonly content: Record<string, { schema: object }> };
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>;
}

export interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: object;
}

/** A call and its answer, however they travelled. */
export interface AnsweredCall {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** A value's faults in words; undefined where there are none. */
export type SchemaCheck = (value: unknown) => string | undefined;

/** A schema of the document as a checker; references are into the document. */
export function documentedChecker(document: OpenApi): (schema: object) => SchemaCheck {
  const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: 'openapi.json', ...document });
  const compiled = new Map<string, ValidateFunction>();
  return (schema) => {
    const text = JSON.stringify(schema).replaceAll('"#/', '"openapi.json#/');
    const validate = compiled.get(text) ?? ajv.compile(JSON.parse(text));
    compiled.set(text, validate);
    return (value) => (validate(value) ? undefined : ajv.errorsText(validate.errors));
  };
}

/** Compares answers with what the document says of them. */
export class DocumentedAnswers {
  readonly #document: OpenApi;
  readonly #checker: (schema: object) => SchemaCheck;
  readonly #templates: readonly { readonly template: string; readonly pattern: RegExp }[];

  constructor(document: OpenApi) {
    this.#document = document;
    this.#checker = documentedChecker(document);
    this.#templates = Object.keys(document.paths).map((template) => ({
      template,
      pattern: new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`),
    }));
  }

  /** The operation that a call is answered by; undefined beside the documented ones. */
  operationOf({ method, url }: Pick<AnsweredCall, 'method' | 'url'>): Operation | undefined {
    const path = this.#pathOf(url.replace(/[?#].*/s, '').replace(/(?<=.)\/$/, ''));
    return path === undefined ? undefined : this.#document.paths[path]?.[method.toLowerCase()];
  }

  /** What is wrong with the answer; undefined for a right one, and for calls beside the documented paths. */
  faultOf(call: AnsweredCall): string | undefined {
    const operation = this.operationOf(call);
    if (!operation) return undefined;
    const { status, body } = call;
    const documented = operation.responses[status];
    if (!documented) return `${status} is not documented`;
    const type = call.contentType.replace(/;.*/, '');
    const schema = documented.content?.[type]?.schema;
    if (!schema) return `${status} as ${type} is not documented`;
    const value = type.endsWith('json') ? parsed(body) : body;
    return value === undefined ? `it is no JSON, but says so` : this.#checker(schema)(value);
  }

  /** What is wrong with a request's body by the document; undefined where nothing is, or where none is documented. */
  bodyFaultOf(operation: Operation, body: unknown): string | undefined {
    const schema = operation.requestBody?.content['application/json']?.schema;
    return schema && this.#checker(schema)(body);
  }

  #pathOf(path: string): string | undefined {
    if (this.#document.paths[path]) return path;
    return this.#templates.find(({ pattern }) => pattern.test(path))?.template;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
