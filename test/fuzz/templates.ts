import type { Chance } from './chance.ts';
import type { LiveIds } from './live-ids.ts';
import { bytesOf } from './requests.ts';

/** No host has this name, nor one that a few flipped bits make of it: what is created from broken bytes calls nobody. */
const nobody = 'http://nowhere.invalid/hook';

const timer = { url: nobody, delay: '1h', headers: { 'x-shop': '7' }, body: { order: 4711 }, tags: ['raw'] };

const calls: readonly ((id: string) => { method: string; url: string; body?: object })[] = [
  () => ({ method: 'POST', url: '/timers', body: timer }),
  () => ({
    method: 'POST',
    url: '/timers/batch',
    body: { timers: [timer, { url: nobody, seconds: 30 }, { delay: 'soon' }] },
  }),
  (id) => ({ method: 'PATCH', url: `/timers/${id}`, body: { delay: '2h', tags: ['changed'] } }),
  (id) => ({ method: 'POST', url: `/timers/${id}/cancel` }),
  (id) => ({ method: 'POST', url: `/timers/${id}/fire`, body: {} }),
  (id) => ({ method: 'POST', url: `/timers/${id}/resolve`, body: { as: 'failed' } }),
  (id) => ({ method: 'GET', url: `/timers/${id}` }),
  () => ({ method: 'GET', url: '/timers?limit=2&tag=raw' }),
  () => ({ method: 'POST', url: '/timer/', body: { url: nobody, minutes: 5 } }),
];

/** The bytes of a request that is right, to be broken. */
export function rightRequest(chance: Chance, ids: LiveIds, host: string): Buffer {
  const { method, url, body } = chance.pick(calls)(ids.pick(chance));
  return bytesOf(
    {
      operation: 'raw',
      method,
      url,
      headers: body ? [['content-type', 'application/json']] : [],
      ...(body ? { body: Buffer.from(JSON.stringify(body)) } : {}),
      chunked: false,
      isValid: true,
    },
    host,
  );
}
