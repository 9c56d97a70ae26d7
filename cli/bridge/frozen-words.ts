/** `, frozen` behind a bridge's phase; how many where it is not all of its pods. Empty for bridges that freeze nothing now. */
export function frozenWords(pods: readonly { frozen?: boolean }[]): string {
  const count = pods.filter(({ frozen }) => frozen === true).length;
  return count === 0 ? '' : count === pods.length ? ', frozen' : `, ${count} frozen`;
}
