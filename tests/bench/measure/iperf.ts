/** Throughput and loss by iperf3, whose server is started beforehand. */
import type { Exec } from './exec.ts';

export interface IperfOptions {
  host: string;
  port: number;
  seconds: number;
  /** Data flows from the server to the client. */
  reverse?: boolean;
}

/** Size of a datagram's content: with headers just below the tunnel's MTU. */
export const datagramBytes = 1368;
/** The receiver's own buffer. The default of 208 kB holds 10 ms at 200 Mbit/s, whatever the network does. */
const receiveBuffer = '4M';
const marginMs = 20_000;

interface Report {
  error?: string;
  end?: { sum_received?: { bits_per_second: number }; sum?: { lost_packets: number; packets: number } };
}

async function iperf(exec: Exec, { host, port, seconds, reverse }: IperfOptions, args: string[]): Promise<NonNullable<Report['end']>> {
  const argv = ['iperf3', '--json', '--client', host, '--port', String(port), '--time', String(seconds), ...(reverse ? ['--reverse'] : []), ...args];
  const report = JSON.parse(await exec(argv, seconds * 1000 + marginMs)) as Report;
  if (report.error !== undefined || report.end === undefined) throw new Error(`${argv.join(' ')}: ${report.error ?? 'no result'}`);
  return report.end;
}

/** Mbit/s that arrived. */
export async function tcpThroughput(exec: Exec, options: IperfOptions): Promise<number> {
  const { sum_received: received } = await iperf(exec, options, []);
  return (received?.bits_per_second ?? NaN) / 1e6;
}

/** Percent of the datagrams that did not arrive. */
export async function udpLoss(exec: Exec, options: IperfOptions & { megabitsPerSecond: number }): Promise<number> {
  const { sum } = await iperf(exec, options, ['--udp', '--bitrate', `${options.megabitsPerSecond}M`, '--length', String(datagramBytes), '--window', receiveBuffer]);
  return sum === undefined ? NaN : 100 * sum.lost_packets / sum.packets;
}
