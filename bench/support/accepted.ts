import { request } from 'undici';

/** How many timers the service has ever stored, by its ledger. */
export async function acceptedBy(service: string): Promise<number> {
  const { body } = await request(`${service}/stats`);
  return ((await body.json()) as { readonly accepted: number }).accepted;
}
