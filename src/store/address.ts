/** The address of a database as it may be shown: without the password, and without parameters, which may hold one. */
export function withoutPassword(url: string): string {
  const shown = URL.parse(url);
  if (!shown) return 'the database';
  shown.password = '';
  shown.search = '';
  return shown.href;
}
