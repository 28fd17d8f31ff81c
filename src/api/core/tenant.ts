/** Whose all timers are, until there are keys that tell clients apart. */
export const defaultTenant = 'default';
