/** Workloads with volumes of every kind, and ways to run commands in their pods and in the app containers. */
import { execa } from 'execa';
import { kubectlFor } from '../../cluster/index.ts';
import { ensureBusyboxImage } from '../../cluster/busybox-image.ts';
import { bridgeOk } from '../../support/bridge-command.ts';
import { configMap, secret, type Manifest } from '../../workloads/manifests.ts';
import type { Suite } from './suite.ts';

/** Storage class of nothing: binds claims to the volume below. */
export const storageClass = 'e2e-files';
export const ids = { uid: 1234, gid: 2345, fsGroup: 3000 };

const busybox = (image: string, volumeMounts: object[], more: object = {}): object => ({
  name: 'box', image, imagePullPolicy: 'IfNotPresent', command: ['/bin/sleep', '100000'], volumeMounts, ...more,
});

/** deploy/box: synced and live volumes, sub paths, two mounts of one volume, owners and modes. */
export function boxWorkload(image: string, namespace: string): Manifest[] {
  const labels = { app: 'box' };
  return [
    configMap('settings', namespace, { 'a.txt': 'version 1\n', 'b.txt': 'version 1\n', 'private.txt': 'private\n' }),
    secret('keys', namespace, { password: 'first' }),
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'box', namespace, labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels, annotations: { note: 'from the pod' } },
          spec: {
            terminationGracePeriodSeconds: 0, enableServiceLinks: false,
            securityContext: { runAsUser: ids.uid, runAsGroup: ids.gid, fsGroup: ids.fsGroup },
            initContainers: [busybox(image, [{ name: 'data', mountPath: '/data' }], {
              name: 'fill', command: ['/bin/sh', '-c', 'mkdir -p /data/part/deep /data/closed && echo part > /data/part/file && echo deep > /data/part/deep/file && chmod 700 /data/closed && echo hello > /data/hello && chmod 640 /data/hello && ln -s hello /data/link'],
            })],
            containers: [busybox(image, [
              { name: 'settings', mountPath: '/etc/settings' },
              { name: 'settings', mountPath: '/etc/single.txt', subPath: 'a.txt' },
              { name: 'picked', mountPath: '/etc/picked' },
              { name: 'keys', mountPath: '/run/keys' },
              { name: 'pod-info', mountPath: '/etc/pod-info' },
              { name: 'all', mountPath: '/run/all', readOnly: true },
              { name: 'data', mountPath: '/data' },
              { name: 'data', mountPath: '/srv/part', subPath: 'part' },
              { name: 'data', mountPath: '/srv/deep', subPathExpr: 'part/$(WHERE)', readOnly: true },
              { name: 'scratch', mountPath: '/scratch' },
            ], { env: [{ name: 'WHERE', value: 'deep' }] })],
            volumes: [
              { name: 'settings', configMap: { name: 'settings' } },
              { name: 'picked', configMap: { name: 'settings', items: [{ key: 'private.txt', path: 'below/only.txt', mode: 0o440 }] } },
              { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
              { name: 'pod-info', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
              { name: 'all', projected: { sources: [{ configMap: { name: 'settings' } }, { secret: { name: 'keys' } }] } },
              { name: 'data', emptyDir: {} },
              { name: 'scratch', emptyDir: { medium: 'Memory' } },
            ],
          },
        },
      },
    },
  ];
}

/** sts/db: runs as root, and has a claim and a folder of its node. */
export function databaseWorkload(image: string, namespace: string, node: string): Manifest[] {
  const labels = { app: 'db' };
  return [
    {
      apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: `${namespace}-db`, labels: { 'app.kubernetes.io/managed-by': 'podbridge-test' } },
      spec: {
        capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], persistentVolumeReclaimPolicy: 'Retain', storageClassName: storageClass,
        hostPath: { path: `/tmp/${namespace}-db`, type: 'DirectoryOrCreate' }, claimRef: { namespace, name: 'store-db-0' },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }] } },
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'db', namespace }, spec: { clusterIP: 'None', selector: labels, ports: [{ port: 5432 }] } },
    {
      apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace, labels },
      spec: {
        serviceName: 'db', selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, containers: [busybox(image, [{ name: 'store', mountPath: '/var/lib/store' }, { name: 'node', mountPath: '/node' }])], volumes: [{ name: 'node', hostPath: { path: `/tmp/${namespace}-node`, type: 'DirectoryOrCreate' } }] } },
        volumeClaimTemplates: [{ metadata: { name: 'store' }, spec: { accessModes: ['ReadWriteOnce'], storageClassName: storageClass, resources: { requests: { storage: '1Gi' } } } }],
      },
    },
  ];
}

/** deploy/strict: a static program without a shell, that may do nothing, for a namespace that admits nothing else. */
export function strictWorkload(image: string, namespace: string): Manifest[] {
  const labels = { app: 'strict' };
  return [
    secret('keys', namespace, { password: 'strictly' }),
    {
      apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'strict', namespace, labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 0, automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, runAsUser: 12345, runAsGroup: 23456, fsGroup: 34567, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [{
              name: 'main', image, imagePullPolicy: 'IfNotPresent', securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
              volumeMounts: [{ name: 'keys', mountPath: '/keys' }, { name: 'cache', mountPath: '/cache' }],
            }],
            volumes: [{ name: 'keys', secret: { secretName: 'keys', defaultMode: 0o440 } }, { name: 'cache', emptyDir: {} }],
          },
        },
      },
    },
  ];
}

export interface FilesWorld {
  busybox: string;
  /** Output of a shell command in the pod; throws when it fails. */
  inPod(workload: string, script: string): Promise<string>;
  /** The same in a container of this machine. */
  inContainer(name: string, script: string, options?: { user?: string; limitMs?: number }): Promise<string>;
  /** As {@link inContainer}, whatever its exit code. */
  tryInContainer(name: string, script: string, options?: { user?: string; limitMs?: number }): Promise<{ exitCode: number | undefined; text: string; timedOut: boolean }>;
  /** Name of the container that brings the files of a bridge. */
  mounterOf(bridge: string): Promise<string>;
  /** `bridge run -d` of a container that only waits. */
  wait(name: string, args: string[]): Promise<void>;
}

export async function filesWorld(suite: Suite): Promise<FilesWorld> {
  const [kubectl, image] = [await kubectlFor(suite.cluster), await ensureBusyboxImage()];
  const tryInContainer: FilesWorld['tryInContainer'] = async (name, script, { user = '0', limitMs = 60_000 } = {}) => {
    const { exitCode, all, timedOut } = await execa('docker', ['exec', '--user', user, name, 'sh', '-c', script], { all: true, reject: false, timeout: limitMs });
    return { exitCode, text: all, timedOut };
  };
  return {
    busybox: image,
    async inPod(workload, script) {
      const { stdout } = await execa(kubectl, ['--kubeconfig', suite.cluster.kubeconfigPath, '--context', suite.cluster.context, 'exec', '-n', suite.namespace, workload, '--', 'sh', '-c', script]);
      return stdout;
    },
    async inContainer(name, script, options) {
      const { exitCode, text } = await tryInContainer(name, script, options);
      if (exitCode !== 0) throw new Error(`in ${name}: ${script}: exit code ${exitCode}\n${text}`);
      return text;
    },
    tryInContainer,
    async mounterOf(bridge) {
      const { stdout } = await execa('docker', ['ps', '--filter', 'label=podbridge.dev/role=mounter', '--filter', `label=podbridge.dev/bridge=${bridge}`, '--format', '{{.Names}}']);
      return stdout.trim();
    },
    async wait(name, args) {
      await bridgeOk(['run', '-d', '--name', name, '-n', suite.namespace, '--image', image, '--port', 'none', ...args, '--', 'sleep', '100000'], suite.user);
    },
  };
}
