/** What tests read of a timer's answers. */
export interface TimerAnswer {
  readonly id: string;
  readonly status: string;
  readonly time_left: number;
  readonly due_at: string;
}

/** POSTs a body, and gives the answer, which must be a good one. */
export async function post<T = TimerAnswer>(url: string, body: object): Promise<T> {
  const reply = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`POST ${url}: ${reply.status} ${await reply.text()}`);
  return (await reply.json()) as T;
}

export async function get<T = TimerAnswer>(url: string): Promise<T> {
  return (await (await fetch(url)).json()) as T;
}

/** Asks for a timer until it is in that state. */
export async function untilStatus(url: string, status: string, withinMs = 10_000): Promise<TimerAnswer> {
  const deadline = AbortSignal.timeout(withinMs);
  for (;;) {
    const answer = await get(url);
    if (answer.status === status) return answer;
    if (deadline.aborted) throw new Error(`never became ${status}: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
