/**
 * A control connection that outlives cargo's restarts and replacements: it is opened anew, what holds a lifeline holds it
 * again, and requests that were under way are asked again (all of them may be repeated). cargo gives sessions 10 s for that.
 */
import type { BridgeRef, SessionRef } from '../../protocol/heartbeat.ts';
import type { ControlMethod, ControlMethods } from '../../protocol/control.ts';
import type { Docker } from '../adapters/docker/index.ts';
import { isBridgeError } from '../errors.ts';
import { timing } from '../timing.ts';
import { connectionGone, openControl, type Control } from './control-client.ts';

async function expired(deadline: number): Promise<never> {
  await new Promise<void>((resolve) => { setTimeout(resolve, deadline - Date.now()).unref(); });
  throw connectionGone('');
}

const same = (a: BridgeRef, b: BridgeRef): boolean => a.namespace === b.namespace && a.name === b.name;

function isGone(error: unknown): boolean {
  return isBridgeError(error) && error.facts.code === 'cargo-gone';
}

/** @param container its name: a cargo that replaces this one has the same */
export function lastingControl(docker: Docker, container: string, first: Control): Control {
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
        control = await openControl(docker, container);
        for (const bridge of held) await control.call('lifeline', { bridge });
        watch(control);
        return control;
      } catch {
        control?.close();
      }
    }
  }
  function watch(control: Control): void {
    void control.ended.then(() => {
      if (closed) return finish();
      current = reopen();
    });
  }
  watch(first);

  async function ask<M extends ControlMethod>(method: M, params: ControlMethods[M]['params'], timeoutMs?: number): Promise<ControlMethods[M]['result']> {
    const deadline = Date.now() + timing.controlReopenLimitMs;
    for (;;) {
      try {
        const control = await Promise.race([current, expired(deadline)]);
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
