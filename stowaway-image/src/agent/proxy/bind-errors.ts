/** What HAProxy says when it cannot open listeners. */

/** Frontends that a process, which did not start, names in its alerts as those whose address could not be bound. @param words its output */
export function unboundFrontends(words: string): Set<string> {
  return new Set([...words.matchAll(/ for frontend (\S+): .*cannot bind socket/g)].map(([, name]) => name!));
}
