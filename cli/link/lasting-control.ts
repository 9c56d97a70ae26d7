/**
 * A control connection that outlives cargo's restarts and replacements: it is opened anew, what holds a lifeline holds it
 * again, and requests that were under way are asked again (all of them may be repeated). cargo gives sessions 10 s for that.
 */
import type { BridgeRef, SessionRef } from '../../protocol/heartbeat.ts';
import type { ControlMethod, ControlMethods } from '../../protocol/control.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { BridgeError, isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { connectionGone, openControl, type Control } from './control-client.ts';
import { cargoName, networkName } from './link-name.ts';

/** Its timer keeps the program alive: it may be all that is left to wait for. */
async function before<T>(deadline: number, wanted: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(connectionGone('')), deadline - Date.now()); });
  try {
    return await Promise.race([wanted, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** A cargo that is replaced keeps the link's network; `bridge down` takes both. */
async function isTakenDown(docker: Docker, link: string): Promise<boolean> {
  const [cargo, network] = await Promise.all([docker.containers.find(cargoName(link)), docker.networks.find(networkName(link))]);
  return cargo === undefined && network === undefined;
}

function takenDown(link: string): BridgeError {
  return new BridgeError({ kind: 'environment', code: 'link-taken-down', what: `the link ${link} was taken down from elsewhere (bridge down)`, why: 'neither its container nor its network is there', next: 'bridge up' });
}

const same = (a: BridgeRef, b: BridgeRef): boolean => a.namespace === b.namespace && a.name === b.name;

function isGone(error: unknown): boolean {
  return isBridgeError(error) && error.facts.code === 'cargo-gone';
}

/** Throws `link-taken-down` as soon as the link is no more, and `cargo-gone` when its container stays away too long. */
export function lastingControl(docker: Docker, link: string, first: Control): Control {
  let current: Promise<Control> = Promise.resolve(first);
  let held: SessionRef[] = [];
  let closed = false;
  let finish: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => { finish = resolve; });

  /** Whatever is wrong meanwhile (between two containers, between two lives of Docker itself) may be right the next time. */
  async function reopen(): Promise<Control> {
    for (;;) {
      await new Promise<void>((resolve) => { setTimeout(resolve, timing.controlReopenDelayMs).unref(); });
      if (closed) return first;
      let control: Control | undefined;
      try {
        control = await openControl(docker, cargoName(link));
        for (const bridge of held) await control.call('lifeline', { bridge });
        watch(control);
        return control;
      } catch {
        control?.close();
      }
      if (await isTakenDown(docker, link).catch(() => false)) throw takenDown(link);
    }
  }
  function watch(control: Control): void {
    void control.ended.then(() => {
      if (closed) return finish();
      current = reopen();
      current.catch(() => undefined);
    });
  }
  watch(first);

  async function ask<M extends ControlMethod>(method: M, params: ControlMethods[M]['params'], timeoutMs?: number): Promise<ControlMethods[M]['result']> {
    const deadline = Date.now() + timing.controlReopenLimitMs;
    for (;;) {
      try {
        const control = await before(deadline, current);
        return await control.call(method, params, timeoutMs);
      } catch (error) {
        if (closed || !isGone(error) || Date.now() > deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, timing.controlReopenDelayMs));
      }
    }
  }

  return {
    ended,
    async call(method, params, timeoutMs) {
      const result = await ask(method, params, timeoutMs);
      const { bridge } = params as { bridge?: SessionRef };
      if (bridge !== undefined && (method === 'lifeline' || method === 'release')) {
        held = held.filter((other) => !same(other, bridge));
        if (method === 'lifeline') held.push(bridge);
      }
      return result;
    },
    close() {
      closed = true;
      finish();
      void current.then((control) => control.close(), () => undefined);
    },
  };
}
