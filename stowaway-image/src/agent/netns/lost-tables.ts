/** Is what nftables has still what we told it? Compared are tables, chains and the number of rules in each: whoever takes rules away takes whole ones. */

/** Rules by `table chain`. */
export type ChainSizes = ReadonlyMap<string, number>;

interface Listing {
  nftables: { chain?: { table: string; name: string }; rule?: { table: string; chain: string } }[];
}

/** Of a script that tables.ts rendered. */
export function chainSizes(script: string): ChainSizes {
  const sizes = new Map<string, number>();
  let table = '';
  let chain: string | undefined;
  for (const line of script.split('\n').map((each) => each.trim())) {
    const opened = /^(table ip|chain) (\S+) \{$/.exec(line);
    if (opened?.[1] === 'table ip') table = opened[2]!;
    else if (opened !== null) { chain = `${table} ${opened[2]}`; sizes.set(chain, 0); }
    else if (line === '}') chain = undefined;
    else if (chain !== undefined && !line.startsWith('type ')) sizes.set(chain, (sizes.get(chain) ?? 0) + 1);
  }
  return sizes;
}

/** @param listings JSON of tables (libnftables-json(5)); empty where there is none */
export function listedChainSizes(listings: readonly string[]): ChainSizes {
  const sizes = new Map<string, number>();
  for (const { chain, rule } of listings.flatMap((json) => (json === '' ? [] : (JSON.parse(json) as Listing).nftables))) {
    if (chain !== undefined) sizes.set(`${chain.table} ${chain.name}`, sizes.get(`${chain.table} ${chain.name}`) ?? 0);
    if (rule !== undefined) sizes.set(`${rule.table} ${rule.chain}`, (sizes.get(`${rule.table} ${rule.chain}`) ?? 0) + 1);
  }
  return sizes;
}

export function tablesIn(sizes: ChainSizes): string[] {
  return [...new Set([...sizes.keys()].map((key) => key.split(' ')[0]!))];
}

/** Names of the tables of which something is missing. */
export function lostTables(wanted: ChainSizes, found: ChainSizes): string[] {
  return tablesIn(new Map([...wanted].filter(([chain, rules]) => found.get(chain) !== rules)));
}
