// API and controller as processes of their own, on a database server.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { deployments } from '../support/deployments.ts';
import { get, post, untilStatus } from '../support/json.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { type Service, type ServiceOptions, serveUntilExit, startService } from '../support/service.ts';

let receiver: Receiver;

before(async () => {
  receiver = await startReceiver();
});

after(() => receiver.close());

/** Starts them, runs `work`, and ends them whatever came of it. */
async function withServices(options: readonly ServiceOptions[], work: (services: Service[]) => Promise<void>) {
  const services = await Promise.all(options.map(startService));
  try {
    await work(services);
  } finally {
    assert.deepEqual(
      await Promise.all(services.map((service) => service.end('SIGTERM'))),
      services.map(() => 0),
    );
  }
}

for (const { name, isServer, unavailable, database } of await deployments()) {
  if (!isServer) continue;
  describe(`API and controller apart, on ${name}`, { skip: unavailable }, () => {
    it('a timer created through one API is fired by the controller, and read through another API', async (t) => {
      const where = await database(t);
      const api: ServiceOptions = { ...where, role: 'api' };
      await withServices([api, api, { ...where, role: 'controller' }], async ([one, other, controller]) => {
        const { id, due_at } = await post(`${one!.url}/timers`, { delay: '300ms', url: `${receiver.url}/apart` });
        await untilStatus(`${other!.url}/timers/${id}`, 'done');
        const [call, ...more] = receiver.requests.filter(({ path }) => path === `/apart/${id}`);
        assert.deepEqual(more, []);
        assert.ok(call!.arrivedAt >= Date.parse(due_at), 'not early');
        const { controllers } = await get<{ controllers: { owner: string }[] }>(`${one!.url}/stats`);
        assert.equal(controllers.length, 1);
        assert.equal((await fetch(`${controller!.url}/readyz`)).status, 200);
        assert.equal((await fetch(`${controller!.url}/timers/${id}`)).status, 404, 'a controller is no API');
      });
    });

    it('twenty processes that start at once on a server without the database all find it made', async (t) => {
      const where = await database(t);
      const ends = await Promise.all(
        Array.from({ length: 20 }, () => serveUntilExit({ ...where, role: 'migrate' as const })),
      );
      for (const { code, output } of ends) assert.equal(code, 0, output);
      assert.match(ends[0]!.output, /is up to date/);
    });
  });
}

it('a file takes no process but `serve`', async () => {
  const { code, output } = await serveUntilExit({ databasePath: '/tmp/never-made.db', role: 'api' });
  assert.equal(code, 1);
  assert.match(output, /DATABASE_URL is a file, .*punctual serve.*PostgreSQL or MySQL/);
});

it('a database that is not there is waited for: the API answers 503 meanwhile, and RETRY_NUMBER bounds it', async () => {
  const nowhere = { databaseUrl: 'postgres://me:secret@127.0.0.1:9/timer_db', env: { RECONNECT_WAIT_TIME: '100ms' } };
  const api = await startService({ ...nowhere, role: 'api' });
  try {
    const reply = await fetch(`${api.url}/timers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ seconds: 1, url: receiver.url }),
    });
    assert.equal(reply.status, 503);
    assert.ok(reply.headers.get('retry-after'));
    assert.equal(((await reply.json()) as { code: string }).code, 'store_unavailable');
    assert.equal((await fetch(`${api.url}/readyz`)).status, 503);
    assert.match(api.output(), /the database cannot be had yet/);
    assert.doesNotMatch(api.output(), /secret/);
  } finally {
    assert.equal(await api.end('SIGTERM'), 0);
  }
  const bounded = { ...nowhere, env: { ...nowhere.env, RETRY_NUMBER: '3' } };
  const { code, output } = await serveUntilExit({ ...bounded, role: 'controller' });
  assert.equal(code, 1);
  assert.match(output, /cannot be reached/);
});
