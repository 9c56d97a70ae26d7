import { describe, expect, test } from '@jest/globals';
import { isImageTrouble, podTrouble, type Pod } from '../../../cli/install/pod-trouble.ts';

const pod = (status: Pod['status'], nodeName: string | undefined = 'node'): Pod => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name: 'hub-0' }, spec: { ...(nodeName === undefined ? {} : { nodeName }), containers: [{ name: 'hub', image: 'x' }] }, ...(status === undefined ? {} : { status }),
});
const waiting = (reason: string, message?: string): Pod => pod({ containerStatuses: [{ name: 'hub', state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } }] });

describe('why a pod is not ready', () => {
  test('a ready one has no trouble', () => {
    expect(podTrouble(pod({ conditions: [{ type: 'Ready', status: 'True' }] }))).toBeUndefined();
  });

  test('starting is no reason to give up', () => {
    expect(podTrouble(waiting('ContainerCreating'))).toMatchObject({ reason: 'Starting', hopeless: false });
    expect(podTrouble(pod(undefined))).toMatchObject({ hopeless: false });
  });

  test('the scheduler\'s words', () => {
    expect(podTrouble(pod({ conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available: 1 Insufficient memory.' }] }, undefined)))
      .toEqual({ reason: 'Unschedulable', hopeless: true, words: 'pod hub-0: Unschedulable (0/1 nodes are available: 1 Insufficient memory.)' });
  });

  test('an image that cannot be pulled', () => {
    const trouble = podTrouble(waiting('ImagePullBackOff', 'Back-off pulling image "x"'));
    expect(trouble).toMatchObject({ hopeless: true, words: 'pod hub-0: ImagePullBackOff (Back-off pulling image "x")' });
    expect(isImageTrouble(trouble!)).toBe(true);
  });

  test('a program that ends tells its exit code', () => {
    const crashed = pod({ containerStatuses: [{ name: 'hub', state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 7 } } }] });
    expect(podTrouble(crashed)).toMatchObject({ hopeless: true, words: 'pod hub-0: CrashLoopBackOff (last exit code 7)' });
    expect(podTrouble(pod({ containerStatuses: [{ name: 'hub', state: { terminated: { exitCode: 1, reason: 'Error' } } }] }))).toMatchObject({ words: 'pod hub-0: Error (exit code 1)', hopeless: false });
  });

  test('a pod that the node evicted', () => {
    expect(podTrouble(pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }))).toMatchObject({ words: 'pod hub-0: Evicted (The node was low on resource: memory.)' });
  });
});
