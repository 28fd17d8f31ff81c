import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { documentedChecker, type OpenApi } from './documented-answers.ts';
import { Harness } from './harness.ts';

describe('/openapi.json', () => {
  let api: Harness;
  let document: OpenApi;
  before(async () => {
    api = await Harness.start();
    document = (await api.get('/openapi.json')).json();
  });
  after(() => api.stop());

  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, path, operation })),
    );

  it('is OpenAPI 3.1 and knows every route', () => {
    assert.match(document.openapi, /^3\.1\.\d$/);
    assert.deepEqual(
      operations()
        .map(({ name }) => name)
        .sort(),
      [
        'get /echo',
        'get /healthz',
        'get /metrics',
        'get /readyz',
        'get /stats',
        'get /timer/{id}',
        'get /timers',
        'get /timers/{id}',
        'patch /timers/{id}',
        'post /echo',
        'post /timer',
        'post /timers',
        'post /timers/batch',
        'post /timers/{id}/cancel',
        'post /timers/{id}/fire',
        'post /timers/{id}/resolve',
        'post /timers/{id}/retry',
      ],
    );
  });

  it('has only references that lead somewhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]!);
    assert.ok(references.length > 0);
    for (const reference of references) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1];
      assert.ok(name && document.components.schemas[name], reference);
    }
  });

  it('says of each operation what it does, under a name and a tag of its own', () => {
    const ids = new Set<string>();
    for (const { name, operation } of operations()) {
      assert.ok(operation.summary, name);
      assert.equal(operation.tags.length, 1, name);
      assert.ok(operation.operationId && !ids.has(operation.operationId), name);
      ids.add(operation.operationId);
      for (const [status, answer] of Object.entries(operation.responses)) {
        assert.notEqual(answer.description, 'Default Response', `${name} ${status}`);
        assert.ok(answer.content, `${name} ${status}`);
      }
    }
  });

  it('documents every path parameter, and only those', () => {
    for (const { name, path, operation } of operations()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const documented = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        documented.map((parameter) => parameter.name),
        inPath,
        name,
      );
    }
  });

  it('has schemas that are valid, and examples that they accept', () => {
    const checker = documentedChecker(document);
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      const check = checker({ $ref: `#/components/schemas/${name}` });
      for (const example of (schema as { examples?: unknown[] }).examples ?? []) {
        assert.equal(check(example), undefined, name);
      }
    }
    for (const { operation } of operations()) {
      const contents = [operation.requestBody, ...Object.values(operation.responses)].flatMap((part) =>
        Object.values(part?.content ?? {}),
      );
      for (const { schema } of contents) checker(schema);
    }
  });

  it('has an example that the server accepts', async () => {
    const { examples } = document.components.schemas.NewTimer as { examples: object[] };
    for (const example of examples) assert.equal((await api.post('/timers', example)).statusCode, 201);
  });

  it('is shown by Swagger UI at /docs, to which / leads', async () => {
    const root = await api.get('/');
    assert.equal(root.statusCode, 302);
    assert.equal(root.headers.location, '/docs');
    const page = await api.get('/docs');
    assert.match(String(page.headers['content-type']), /^text\/html/);
    assert.match(page.body, /swagger-ui-bundle\.js/);
    assert.equal((await api.get('/docs/static/swagger-ui-bundle.js')).statusCode, 200);
    assert.deepEqual((await api.get('/docs/json')).json(), document);
  });
});
