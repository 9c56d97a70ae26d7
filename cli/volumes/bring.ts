/** The files of the pod, as a step of a run: the container that brings them is started early, and told what to bring as soon as an agent says what there is. */
import { labels } from '../../protocol/names.ts';
import type { Docker, Labels } from '../adapters/docker/index.ts';
import type { BridgeWatch } from '../bridge/bridge-watch.ts';
import type { UsableLink } from '../bridge/needs.ts';
import { BridgeError } from '../errors.ts';
import type { Steps } from '../steps/steps.ts';
import { timing } from '../timing.ts';
import type { Reporter } from '../ui/events.ts';
import { bytesWords } from './bytes.ts';
import type { VolumeModes } from './modes.ts';
import { startMounter, type Mounter, type MounterQuestion } from './mounter.ts';
import { askForFiles } from './offer.ts';
import { countWords, isEmpty, planVolumes, type MountPlan, type VolumesPlan } from './plan.ts';
import { removeFiles } from './remove-files.ts';

export interface FilesQuestion {
  docker: Docker;
  steps: Steps;
  reporter: Reporter;
  now: () => number;
  link: UsableLink;
  watch: BridgeWatch;
  bridgeUid: string;
  modes: VolumeModes;
  /** The user's own `-v`, as docker takes them. */
  ownBinds: readonly string[];
  /** What the pod's template lets expect: volumes at all, and such that are mounted live. */
  expects: { any: boolean; live: boolean };
  /** Labels of what is made, beside the usual ones. */
  more: Labels;
}

export interface BroughtFiles {
  binds: string[];
}

/** A status line of `pod-files apply`. */
interface MountStatus {
  ready: boolean;
  bytes: number;
  ofBytes: number;
  waiting?: string;
  failed?: Record<string, string>;
}

export function bringFiles(question: FilesQuestion): Promise<BroughtFiles> {
  const { docker, steps, reporter, now, link, watch, bridgeUid, modes, ownBinds, expects, more } = question;
  const ref = watch.ref;
  let words = '';
  return steps.run({
    id: 'files', title: 'Files of the pod', detail: () => words,
    async act({ signal, waiting, undo }) {
      const mounter: MounterQuestion = { docker, link: link.client, network: link.network, owner: link.owner, namespace: ref.namespace, bridge: ref.name, bridgeUid, more, live: expects.live };
      const mine = { link: link.client, namespace: ref.namespace, bridge: ref.name, bridgeUid };
      const tell = ({ warnings, counts }: VolumesPlan): void => {
        for (const { code, text, next } of warnings) reporter.emit({ type: 'warning', code, text, ...(next === undefined ? {} : { next }), at: now() });
        words = countWords(counts);
      };
      let undone = false;
      const start = (live: boolean): Promise<Mounter> => startMounter({ ...mounter, live }, () => {
        if (undone) return;
        undone = true;
        undo(`Remove the files of ${ref.name}`, () => removeFiles(docker, mine));
      });
      const early = expects.any ? start(expects.live) : undefined;
      early?.catch(() => undefined);
      // What is being made has to be there before it can be removed.
      const offer = await askForFiles({ watch, control: link.control, signal, waiting }).finally(() => early?.catch(() => undefined));
      let running = await early;
      const own = new Set(ownBinds.map((bind) => bindTarget(bind)));
      let plan = planVolumes({ bridge: ref, offer, modes, own, live: true });
      if (isEmpty(plan)) {
        tell(plan);
        if (running !== undefined) await removeFiles(docker, mine);
        return { binds: [] };
      }
      if (running !== undefined && plan.mount.live && !expects.live) {
        // A volume that was added to the pod on its way into the cluster.
        await removeFiles(docker, mine);
        running = undefined;
      }
      running ??= await start(plan.mount.live);
      if (plan.mount.live && !running.live) plan = planVolumes({ bridge: ref, offer, modes, own, live: false });
      tell(plan);
      const { failed = {} } = await apply(docker, running.id, plan.mount, signal, waiting);
      for (const [path, why] of Object.entries(failed)) reporter.emit({ type: 'warning', code: 'volume-unreadable', text: `${path} could not be read in the pod: ${why}`, at: now() });
      return { binds: plan.binds(running.folder) };
    },
  });
}

/** Of `SOURCE:TARGET[:OPTIONS]`; a drive letter's colon belongs to the source. */
function bindTarget(bind: string): string {
  const [, target = ''] = bind.replace(/^[A-Za-z]:(?=[\\/])/, '').split(':');
  return target.replace(/(?<=.)\/+$/, '');
}

/** Resolves when everything is there. Gives up when nothing has come for a while. */
async function apply(docker: Docker, container: string, plan: MountPlan, signal: AbortSignal, waiting: (waitingFor: string) => void): Promise<MountStatus> {
  const stream = await docker.containers.execStream(container, ['pod-files', 'apply']);
  let last: MountStatus = { ready: false, bytes: 0, ofBytes: 0 };
  let rest = '';
  let said = '';
  let stalled = false;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => { stalled = true; stream.close(); }, timing.filesStallTimeoutMs);
  };
  const give = (): void => stream.close();
  signal.addEventListener('abort', give, { once: true });
  stream.stderr.on('data', (chunk: Buffer) => { said += chunk.toString('utf8'); });
  stream.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const before = last;
      last = JSON.parse(line) as MountStatus;
      // Only what arrives counts; the same trouble told again does not.
      if (last.bytes !== before.bytes || last.ready) wait();
      waiting(last.bytes > 0 ? `${bytesWords(last.bytes)} of ${bytesWords(last.ofBytes)}` : last.waiting ?? 'the way to them');
    }
  });
  wait();
  stream.stdin.end(JSON.stringify(plan));
  try {
    await stream.ended;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', give);
  }
  signal.throwIfAborted();
  if (last.ready) return last;
  const why = last.waiting ?? (said === '' ? undefined : said.trim());
  throw new BridgeError({
    kind: stalled ? 'timeout' : 'environment', code: 'files-not-brought', what: stalled ? `the files of the pod did not come within ${timing.filesStallTimeoutMs / 1000} s` : 'the files of the pod could not be brought', ...(why === undefined ? {} : { why }),
    next: `run without them: --no-volumes  (docker logs ${container.slice(0, 12)} tells more while the container lives: --retain)`,
  });
}

/** For {@link FilesQuestion.more}: whose the files are, so that a sweep knows when nobody needs them any more. */
export function sessionLabels({ retain, detach, session }: { retain: boolean; detach: boolean; session: string }): Labels {
  return retain ? { [labels.retain]: 'true' } : detach ? {} : { [labels.session]: session };
}
