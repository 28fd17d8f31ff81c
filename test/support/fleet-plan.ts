import type { ServiceOptions } from './service.ts';

export type MemberRole = NonNullable<ServiceOptions['role']>;

/** The processes of a fleet by their names. */
export type FleetPlan = Readonly<Record<string, MemberRole>>;

/** So many APIs and controllers, named `api-1`, `controller-1` and so on. */
export function fleetOf(count: { readonly apis: number; readonly controllers: number }): FleetPlan {
  const named = (role: MemberRole, many: number) =>
    Array.from({ length: many }, (_, at) => [`${role}-${at + 1}`, role]);
  return Object.fromEntries([...named('api', count.apis), ...named('controller', count.controllers)]);
}
