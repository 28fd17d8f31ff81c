/** At most this many timers travel in one request. */
const batchMax = 1_000;

/** Creates timers over HTTP in batches; gives the due time of each, by id. Throws when one is refused. */
export async function createTimers(serviceUrl: string, timers: readonly object[]): Promise<Map<string, number>> {
  const dueById = new Map<string, number>();
  for (let from = 0; from < timers.length; from += batchMax) {
    const body = JSON.stringify({ timers: timers.slice(from, from + batchMax) });
    const headers = { 'content-type': 'application/json' };
    const reply = await fetch(`${serviceUrl}/timers/batch`, { method: 'POST', headers, body });
    if (reply.status !== 200) throw new Error(`a batch was refused with ${reply.status}: ${await reply.text()}`);
    const { results } = (await reply.json()) as {
      results: { status: number; timer: { id: string; due_at: string } }[];
    };
    for (const result of results) {
      if (result.status !== 201) throw new Error(`a create was refused: ${JSON.stringify(result)}`);
      dueById.set(result.timer.id, Date.parse(result.timer.due_at));
    }
  }
  return dueById;
}
