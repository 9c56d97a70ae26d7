/** What /proc says of a process, in the forms of proc(5). */

/** Content of /proc/PID/environ: NUL-separated, so values may have any number of lines. */
export function parseEnviron(bytes: Buffer): [name: string, value: string][] {
  return bytes.toString('utf8').split('\0').flatMap((entry) => {
    const equals = entry.indexOf('=');
    // Programs that write a title over their environment leave pieces without a name.
    return equals <= 0 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)] as [string, string]];
  });
}

/** Content of /proc/PID/cmdline. */
export function parseCommand(bytes: Buffer): string[] {
  const words = bytes.toString('utf8').split('\0');
  return words.at(-1) === '' ? words.slice(0, -1) : words;
}

/** Effective ids from /proc/PID/status. */
export function parseUser(status: string): { uid: number; gid: number; groups: number[] } {
  const line = (name: string): string[] => (new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).filter((word) => word !== '');
  return { uid: Number(line('Uid')[1] ?? 0), gid: Number(line('Gid')[1] ?? 0), groups: line('Groups').map(Number) };
}

/** Effective capabilities from /proc/PID/status, hexadecimal. */
export function parseCapabilities(status: string): string {
  return /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
}

/** Is it process 1 of its own PID namespace? Not when the pod shares one among its containers. */
export function isFirstOfNamespace(status: string): boolean {
  return /^NSpid:(?:\s+\d+)+\s1$/m.test(status);
}

export function parseResolvConf(text: string): { nameservers: string[]; search: string[]; options: string[] } {
  const resolv = { nameservers: [] as string[], search: [] as string[], options: [] as string[] };
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line.trim().split(/\s+/);
    if (keyword === 'nameserver') resolv.nameservers.push(...words.slice(0, 1));
    // resolv.conf(5): the last search or domain line wins, options add up.
    else if (keyword === 'search' || keyword === 'domain') resolv.search = words;
    else if (keyword === 'options') resolv.options.push(...words);
  }
  return resolv;
}
